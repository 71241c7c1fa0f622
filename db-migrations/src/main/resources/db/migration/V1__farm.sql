-- The farm's schema. States are text with CHECKs, so that partial indexes and people read the same words.
-- Every CHECK that ties a state to columns makes an illegal state impossible, whoever writes it.
-- Times come from the database's clock (now()), never from an application's.

-- ── Who and what for ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

CREATE TABLE project (
  name        text PRIMARY KEY CHECK (name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
  description text NOT NULL DEFAULT '',
  created_at  timestamptz NOT NULL DEFAULT now()
);

-- Bearer tokens, stored as the SHA-256 of the secret. A token without a project is a token of the farm.
CREATE TABLE token (
  id         uuid PRIMARY KEY,
  hash       bytea NOT NULL UNIQUE CHECK (length(hash) = 32),
  principal  text NOT NULL CHECK (principal <> ''),
  project    text REFERENCES project,
  roles      text[] NOT NULL CHECK (cardinality(roles) > 0
               AND roles <@ ARRAY['viewer', 'submitter', 'releaser', 'tester', 'operator', 'admin']),
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz,
  revoked_at timestamptz,
  -- operator and admin act on the farm: a token that is bound to a project cannot carry them
  CHECK (project IS NULL OR NOT roles && ARRAY['operator', 'admin'])
);

-- Registries the farm knows. `role` says which one takes candidates; every other one is a target of promotion.
CREATE TABLE registry (
  name       text PRIMARY KEY CHECK (name ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  url        text NOT NULL CHECK (url ~ '^https?://[^/]+$'),
  role       text NOT NULL CHECK (role IN ('candidate', 'stable')),
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX registry_one_candidate ON registry (role) WHERE role = 'candidate';

-- `kind`, `desired`, `slots` … are intent; `reachable`, `features`, … are what the scheduler saw.
CREATE TABLE cluster (
  name                 text PRIMARY KEY CHECK (name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
  kind                 text NOT NULL CHECK (kind IN ('local', 'kubernetes', 'fake')),
  desired              text NOT NULL DEFAULT 'ACTIVE' CHECK (desired IN ('ACTIVE', 'CORDONED', 'DRAINING')),
  slots                integer NOT NULL CHECK (slots BETWEEN 0 AND 10000),
  platforms            text[] NOT NULL CHECK (cardinality(platforms) > 0),
  weight               integer NOT NULL DEFAULT 100 CHECK (weight BETWEEN 1 AND 1000),
  labels               jsonb NOT NULL DEFAULT '{}',
  config               jsonb NOT NULL DEFAULT '{}',
  created_at           timestamptz NOT NULL DEFAULT now(),
  reachable            boolean,
  reachable_changed_at timestamptz,
  last_error           text,
  features             jsonb NOT NULL DEFAULT '{}'
);

-- ── What people ask for ──────────────────────────────────────────────────────────────────────────────────────────────────────────

-- An uploaded context. `digest` names the bytes that were sent; `artifact` is the manifest, in the candidate registry, of the
-- normalised archive that workers fetch.
CREATE TABLE context (
  project    text NOT NULL REFERENCES project,
  digest     text NOT NULL CHECK (digest ~ '^sha256:[0-9a-f]{64}$'),
  artifact   text NOT NULL CHECK (artifact ~ '^sha256:[0-9a-f]{64}$'),
  blob       text NOT NULL CHECK (blob ~ '^sha256:[0-9a-f]{64}$'),
  size_bytes bigint NOT NULL CHECK (size_bytes >= 0),
  entries    integer NOT NULL CHECK (entries >= 0),
  principal  text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (project, digest)
);

-- One row for a submission. Columns up to created_at are intent (build-service); the rest is what happened (scheduler).
CREATE TABLE build (
  id                   uuid PRIMARY KEY,
  project              text NOT NULL REFERENCES project,
  image                text NOT NULL CHECK (image <> ''),
  tags                 text[] NOT NULL DEFAULT '{}',
  containerfile        text NOT NULL CHECK (containerfile <> ''),
  context              text,
  args                 jsonb NOT NULL DEFAULT '{}',
  labels               jsonb NOT NULL DEFAULT '{}',
  target               text,
  platforms            text[] NOT NULL CHECK (cardinality(platforms) > 0),
  priority             integer NOT NULL DEFAULT 0 CHECK (priority BETWEEN -100 AND 100),
  timeout_seconds      integer NOT NULL CHECK (timeout_seconds > 0),
  queue_seconds        integer NOT NULL CHECK (queue_seconds > 0),
  scratch              boolean NOT NULL DEFAULT false,
  -- the only cluster that may build it; any when null
  cluster              text REFERENCES cluster,
  principal            text NOT NULL,
  retry_of             uuid REFERENCES build,
  created_at           timestamptz NOT NULL DEFAULT now(),
  state                text NOT NULL DEFAULT 'QUEUED' CHECK (state IN ('QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELLED')),
  started_at           timestamptz,
  finished_at          timestamptz,
  candidate_repository text,
  candidate_digest     text CHECK (candidate_digest ~ '^sha256:[0-9a-f]{64}$'),
  fault                text CHECK (fault IN ('USER', 'CONFIG', 'INFRA')),
  reason               text,
  message              text,
  -- the claim on making the index: set when every platform is in, see scheduler
  index_epoch          bigint NOT NULL DEFAULT 0,
  index_holder         text,
  index_until          timestamptz,
  index_tries          integer NOT NULL DEFAULT 0,
  FOREIGN KEY (project, context) REFERENCES context (project, digest),
  CHECK ((state IN ('SUCCEEDED', 'FAILED', 'CANCELLED')) = (finished_at IS NOT NULL)),
  CHECK ((state = 'SUCCEEDED') = (candidate_digest IS NOT NULL)),
  CHECK ((candidate_digest IS NULL) = (candidate_repository IS NULL)),
  CHECK ((state = 'FAILED') = (fault IS NOT NULL AND reason IS NOT NULL AND message IS NOT NULL)),
  CHECK (state = 'FAILED' OR (fault IS NULL AND reason IS NULL)),
  CHECK (state <> 'QUEUED' OR started_at IS NULL),
  CHECK (state NOT IN ('RUNNING', 'SUCCEEDED') OR started_at IS NOT NULL)
);
CREATE INDEX build_newest ON build (created_at DESC, id DESC);
CREATE INDEX build_of_project ON build (project, created_at DESC, id DESC);
CREATE INDEX build_open ON build (id) WHERE state IN ('QUEUED', 'RUNNING');

-- The same key gives the same build; `body` tells a repeat from a misuse.
CREATE TABLE idempotency_key (
  principal  text NOT NULL,
  key        text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
  body       bytea NOT NULL CHECK (length(body) = 32),
  build_id   uuid NOT NULL REFERENCES build,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (principal, key)
);

-- Every command but a submission. The scheduler answers it; the row is the audit trail as well.
CREATE TABLE request (
  id          uuid PRIMARY KEY,
  principal   text NOT NULL,
  project     text REFERENCES project,
  command     text NOT NULL CHECK (command IN ('cancel', 'retry', 'promote', 'approve', 'withdraw', 'rollback',
                'cordon', 'drain', 'uncordon', 'check', 'register', 'remove', 'prune')),
  build_id    uuid REFERENCES build,
  target      text NOT NULL,
  arguments   jsonb NOT NULL DEFAULT '{}',
  created_at  timestamptz NOT NULL DEFAULT now(),
  answer      text CHECK (answer IN ('DONE', 'REFUSED')),
  answer_text text,
  answered_at timestamptz,
  CHECK ((answer IS NULL) = (answered_at IS NULL)),
  CHECK (command <> 'cancel' OR build_id IS NOT NULL)
);
CREATE INDEX request_open ON request (created_at) WHERE answer IS NULL;
CREATE INDEX request_of_build ON request (build_id) WHERE build_id IS NOT NULL;

-- ── What is run ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────

-- What is actually run; equal platform builds may share one. It is the queue: a row in state QUEUED waits for a slot.
-- Priority, deadlines and project are copied from the submission when it is written and never change.
CREATE TABLE execution (
  id             uuid PRIMARY KEY,
  project        text NOT NULL REFERENCES project,
  platform       text NOT NULL,
  input_digest   text NOT NULL CHECK (input_digest ~ '^sha256:[0-9a-f]{64}$'),
  build_id       uuid NOT NULL REFERENCES build,
  priority       integer NOT NULL DEFAULT 0,
  created_at     timestamptz NOT NULL DEFAULT now(),
  queue_deadline timestamptz NOT NULL,
  state          text NOT NULL DEFAULT 'QUEUED' CHECK (state IN ('QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELLED')),
  not_before     timestamptz,
  tries          integer NOT NULL DEFAULT 0 CHECK (tries >= 0),
  interruptions  integer NOT NULL DEFAULT 0 CHECK (interruptions >= 0),
  refused        jsonb NOT NULL DEFAULT '{}',
  finished_at    timestamptz,
  CHECK ((state IN ('SUCCEEDED', 'FAILED', 'CANCELLED')) = (finished_at IS NOT NULL))
);
CREATE INDEX execution_queue ON execution (priority DESC, created_at, id) WHERE state = 'QUEUED';
CREATE INDEX execution_of_build ON execution (build_id);

CREATE TABLE platform_build (
  id           uuid PRIMARY KEY,
  build_id     uuid NOT NULL REFERENCES build,
  platform     text NOT NULL,
  execution_id uuid NOT NULL REFERENCES execution,
  created_at   timestamptz NOT NULL DEFAULT now(),
  state        text NOT NULL DEFAULT 'QUEUED' CHECK (state IN ('QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELLED')),
  started_at   timestamptz,
  finished_at  timestamptz,
  attempt_id   uuid,
  digest       text CHECK (digest ~ '^sha256:[0-9a-f]{64}$'),
  fault        text CHECK (fault IN ('USER', 'CONFIG', 'INFRA')),
  reason       text,
  message      text,
  UNIQUE (build_id, platform),
  CHECK ((state IN ('SUCCEEDED', 'FAILED', 'CANCELLED')) = (finished_at IS NOT NULL)),
  CHECK ((state = 'SUCCEEDED') = (digest IS NOT NULL AND attempt_id IS NOT NULL)),
  CHECK ((state = 'FAILED') = (fault IS NOT NULL AND reason IS NOT NULL AND message IS NOT NULL)),
  CHECK (state = 'FAILED' OR (fault IS NULL AND reason IS NULL))
);
CREATE INDEX platform_build_of_execution ON platform_build (execution_id);

-- ── Candidate to stable ──────────────────────────────────────────────────────────────────────────────────────────────────────────

-- A policy's body: {"test_cases": [{name, command, timeout_seconds, required}], "targets": [{registry, repository, tags}]}.
-- Versions are kept: a decision names the version that it was made by.
CREATE TABLE policy (
  name       text NOT NULL,
  version    integer NOT NULL CHECK (version > 0),
  body       jsonb NOT NULL,
  principal  text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (name, version)
);

CREATE TABLE release (
  id             uuid PRIMARY KEY,
  build_id       uuid NOT NULL UNIQUE REFERENCES build,
  policy         text,
  policy_version integer,
  digest         text NOT NULL CHECK (digest ~ '^sha256:[0-9a-f]{64}$'),
  state          text NOT NULL DEFAULT 'TESTING' CHECK (state IN ('TESTING', 'BLOCKED', 'PROMOTING', 'PROMOTED', 'WITHDRAWN')),
  decision       jsonb,
  opened_at      timestamptz NOT NULL DEFAULT now(),
  finished_at    timestamptz,
  epoch          bigint NOT NULL DEFAULT 0,
  holder         text,
  held_until     timestamptz,
  FOREIGN KEY (policy, policy_version) REFERENCES policy (name, version),
  CHECK ((policy IS NULL) = (policy_version IS NULL)),
  CHECK ((state IN ('PROMOTED', 'WITHDRAWN')) = (finished_at IS NOT NULL)),
  CHECK (state NOT IN ('BLOCKED', 'PROMOTING', 'PROMOTED') OR decision IS NOT NULL)
);
CREATE INDEX release_open ON release (opened_at) WHERE state IN ('TESTING', 'PROMOTING');

-- One run of one test case against one digest. Append-only but for its own progress; the newest of a test case counts.
CREATE TABLE test_run (
  id              uuid PRIMARY KEY,
  release_id      uuid NOT NULL REFERENCES release,
  test_case       text NOT NULL,
  platform        text NOT NULL,
  scenario        text NOT NULL DEFAULT '',
  digest          text NOT NULL CHECK (digest ~ '^sha256:[0-9a-f]{64}$'),
  command         jsonb NOT NULL,
  timeout_seconds integer NOT NULL CHECK (timeout_seconds > 0),
  outcome         text NOT NULL DEFAULT 'QUEUED'
                    CHECK (outcome IN ('QUEUED', 'RUNNING', 'PASSED', 'INFO', 'FAILED', 'NEEDS_INSPECTION', 'ERROR')),
  message         text,
  tries           integer NOT NULL DEFAULT 0 CHECK (tries >= 0),
  interruptions   integer NOT NULL DEFAULT 0 CHECK (interruptions >= 0),
  not_before      timestamptz,
  created_at      timestamptz NOT NULL DEFAULT now(),
  finished_at     timestamptz,
  CHECK ((outcome IN ('QUEUED', 'RUNNING')) = (finished_at IS NULL))
);
CREATE INDEX test_run_of_release ON test_run (release_id);
CREATE INDEX test_run_queue ON test_run (created_at) WHERE outcome = 'QUEUED';

CREATE TABLE waiver (
  id         uuid PRIMARY KEY,
  project    text NOT NULL REFERENCES project,
  digest     text NOT NULL CHECK (digest ~ '^sha256:[0-9a-f]{64}$'),
  test_case  text NOT NULL,
  platform   text NOT NULL DEFAULT '',
  scenario   text NOT NULL DEFAULT '',
  comment    text NOT NULL CHECK (comment <> ''),
  principal  text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz,
  revoked_at timestamptz,
  revoked_by text,
  CHECK ((revoked_at IS NULL) = (revoked_by IS NULL))
);
CREATE INDEX waiver_of_digest ON waiver (digest);

-- The act of bringing one release to its targets, and one row for each target: a step of its own that can be repeated.
CREATE TABLE promotion (
  id          uuid PRIMARY KEY,
  release_id  uuid NOT NULL REFERENCES release,
  created_at  timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz
);
CREATE UNIQUE INDEX promotion_one_open ON promotion (release_id) WHERE finished_at IS NULL;

CREATE TABLE promotion_target (
  id           uuid PRIMARY KEY,
  promotion_id uuid NOT NULL REFERENCES promotion,
  registry     text NOT NULL REFERENCES registry,
  repository   text NOT NULL,
  tags         text[] NOT NULL,
  state        text NOT NULL DEFAULT 'PENDING' CHECK (state IN ('PENDING', 'DONE')),
  outcome      text CHECK (outcome IN ('published', 'unchanged')),
  tries        integer NOT NULL DEFAULT 0,
  last_error   text,
  -- whether the target had the digest before this promotion began to copy; committed before the copy
  found        boolean,
  looked_at    timestamptz,
  finished_at  timestamptz,
  UNIQUE (promotion_id, registry, repository),
  CHECK ((found IS NULL) = (looked_at IS NULL)),
  CHECK ((state = 'DONE') = (outcome IS NOT NULL AND finished_at IS NOT NULL))
);

-- ── Attempts ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

-- One pod each. `epoch` is the epoch of the cluster's lease under which the attempt is owned: every transition is fenced on it.
-- A slot is held from assignment until released_at.
CREATE TABLE attempt (
  id           uuid PRIMARY KEY,
  kind         text NOT NULL CHECK (kind IN ('BUILD', 'TEST')),
  execution_id uuid REFERENCES execution,
  test_run_id  uuid REFERENCES test_run,
  number       integer NOT NULL CHECK (number > 0),
  cluster      text NOT NULL REFERENCES cluster,
  epoch        bigint NOT NULL,
  state        text NOT NULL DEFAULT 'ASSIGNED'
                 CHECK (state IN ('ASSIGNED', 'PREPARED', 'BUILDING', 'PUSHING', 'SUCCEEDED', 'FAILED', 'INTERRUPTED', 'CANCELLED')),
  stop_reason  text CHECK (stop_reason IN ('CANCELLED', 'TIMED_OUT', 'DRAINED')),
  pod_name     text NOT NULL UNIQUE,
  pod_uid      text,
  node         text,
  assigned_at  timestamptz NOT NULL DEFAULT now(),
  prepared_at  timestamptz,
  building_at  timestamptz,
  pushing_at   timestamptz,
  deadline     timestamptz NOT NULL,
  finished_at  timestamptz,
  released_at  timestamptz,
  repository   text,
  digest       text CHECK (digest ~ '^sha256:[0-9a-f]{64}$'),
  size_bytes   bigint CHECK (size_bytes >= 0),
  result       jsonb,
  fault        text CHECK (fault IN ('USER', 'CONFIG', 'INFRA')),
  reason       text,
  message      text,
  log_complete boolean NOT NULL DEFAULT false,
  CHECK ((kind = 'BUILD') = (execution_id IS NOT NULL AND repository IS NOT NULL)),
  CHECK ((kind = 'TEST') = (test_run_id IS NOT NULL)),
  CHECK ((state IN ('SUCCEEDED', 'FAILED', 'INTERRUPTED', 'CANCELLED')) = (finished_at IS NOT NULL)),
  CHECK (released_at IS NULL OR finished_at IS NOT NULL),
  CHECK (state <> 'SUCCEEDED' OR kind = 'TEST' OR digest IS NOT NULL),
  CHECK (state NOT IN ('FAILED', 'INTERRUPTED') OR (reason IS NOT NULL AND message IS NOT NULL)),
  CHECK ((state = 'FAILED') = (fault IS NOT NULL)),
  CHECK (state NOT IN ('PREPARED', 'BUILDING', 'PUSHING', 'SUCCEEDED') OR pod_uid IS NOT NULL)
);
-- the two indexes that keep a build from running twice at once
CREATE UNIQUE INDEX attempt_one_unreleased_of_execution ON attempt (execution_id) WHERE released_at IS NULL AND kind = 'BUILD';
CREATE UNIQUE INDEX attempt_one_unreleased_of_test_run ON attempt (test_run_id) WHERE released_at IS NULL AND kind = 'TEST';
CREATE INDEX attempt_of_execution ON attempt (execution_id);
CREATE INDEX attempt_of_test_run ON attempt (test_run_id);
CREATE INDEX attempt_unreleased ON attempt (cluster) WHERE released_at IS NULL;
ALTER TABLE platform_build ADD FOREIGN KEY (attempt_id) REFERENCES attempt;

-- What a build was made from.
CREATE TABLE material (
  attempt_id uuid NOT NULL REFERENCES attempt,
  kind       text NOT NULL CHECK (kind IN ('containerfile', 'context', 'parent', 'argument', 'worker', 'cluster', 'node', 'source')),
  name       text NOT NULL,
  digest     text NOT NULL DEFAULT '',
  value      text NOT NULL DEFAULT '',
  PRIMARY KEY (attempt_id, kind, name)
);
CREATE INDEX material_by_digest ON material (digest) WHERE digest <> '';

-- A log is bytes at offsets; chunks of one attempt do not overlap because each starts where the last one ended.
CREATE TABLE log_chunk (
  attempt_id   uuid NOT NULL REFERENCES attempt,
  start_offset bigint NOT NULL CHECK (start_offset >= 0),
  data         bytea NOT NULL CHECK (length(data) > 0),
  created_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (attempt_id, start_offset)
);

-- Why a queued execution was not placed at the last round; written when it changes.
CREATE TABLE placement_decision (
  execution_id uuid PRIMARY KEY REFERENCES execution,
  reason       text NOT NULL,
  message      text NOT NULL,
  clusters     jsonb NOT NULL DEFAULT '{}',
  decided_at   timestamptz NOT NULL DEFAULT now()
);

-- A lease is taken with a higher epoch and stamped on the rows it covers in the same transaction.
CREATE TABLE lease (
  name       text PRIMARY KEY,
  holder     text NOT NULL,
  epoch      bigint NOT NULL CHECK (epoch > 0),
  expires_at timestamptz NOT NULL
);

-- ── Facts on their way out ───────────────────────────────────────────────────────────────────────────────────────────────────────

-- `event_id` is derived from what happened, so writing a fact twice is refused here. `id` orders the events of one key:
-- whoever writes for a build holds its row lock.
CREATE TABLE outbox (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  event_id   text NOT NULL UNIQUE,
  topic      text NOT NULL,
  key        text NOT NULL,
  type       text NOT NULL,
  source     text NOT NULL,
  subject    text NOT NULL,
  payload    text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  sent_at    timestamptz
);
CREATE INDEX outbox_unsent ON outbox (id) WHERE sent_at IS NULL;
CREATE INDEX outbox_of_key ON outbox (key, id);
