-- Registering and operating clusters.
--
-- What a cluster is (kind, slots, platforms, weight, labels, config) is build-service's, with `version` counting its changes. What is to be
-- done with it (cordon, drain, uncordon, remove) comes as a request, and the scheduler writes it here when it answers.
ALTER TABLE cluster
  ADD COLUMN version        bigint NOT NULL DEFAULT 1 CHECK (version > 0),
  -- why, who and since when it is desired so; nobody: the farm itself, which keeps a new cluster cordoned until its first check passes
  ADD COLUMN note           text CHECK (length(note) <= 1000),
  ADD COLUMN desired_by     text,
  ADD COLUMN desired_at     timestamptz,
  -- what runs is interrupted and moved: at once, or from the deadline on
  ADD COLUMN drain_now      boolean NOT NULL DEFAULT false,
  ADD COLUMN drain_deadline timestamptz,
  -- when the scheduler saw that nothing is on it any more
  ADD COLUMN drained_at     timestamptz,
  -- when it takes work again by itself
  ADD COLUMN resume_at      timestamptz,
  -- the row stays, because attempts name it; lists and placement do not see it
  ADD COLUMN removed_at     timestamptz,
  ADD COLUMN report         jsonb,
  ADD COLUMN checked_at     timestamptz,
  -- consecutive errors, and until when it gets no work because of them
  ADD COLUMN errors         integer NOT NULL DEFAULT 0 CHECK (errors >= 0),
  ADD COLUMN not_before     timestamptz,
  ADD CONSTRAINT cluster_drains_only_while_draining
    CHECK (desired = 'DRAINING' OR (NOT drain_now AND drain_deadline IS NULL AND drained_at IS NULL)),
  ADD CONSTRAINT cluster_resumes_only_what_rests CHECK (desired <> 'ACTIVE' OR resume_at IS NULL),
  ADD CONSTRAINT cluster_removed_takes_no_work CHECK (removed_at IS NULL OR desired <> 'ACTIVE'),
  ADD CONSTRAINT cluster_report_has_its_time CHECK ((report IS NULL) = (checked_at IS NULL));

-- The newest requests of one cluster: its history.
CREATE INDEX request_of_target ON request (target, created_at) WHERE build_id IS NULL;

-- `desired` is written with the registration and is the scheduler's from then on; `removed_at` is set by the scheduler and cleared by the
-- next registration. Each looks, in the row that it writes, for what the other has left.
REVOKE UPDATE (desired) ON cluster FROM grange_build_service;
GRANT UPDATE (kind, version, removed_at) ON cluster TO grange_build_service;
GRANT UPDATE (desired, note, desired_by, desired_at, drain_now, drain_deadline, drained_at, resume_at, removed_at, report, checked_at,
  errors, not_before) ON cluster TO grange_scheduler;
