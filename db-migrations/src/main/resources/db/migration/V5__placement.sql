-- Placement over many clusters, and two clocks.

-- A project's part of the slots, compared with other projects that wait for the same platform.
ALTER TABLE project ADD COLUMN weight integer NOT NULL DEFAULT 100 CHECK (weight BETWEEN 1 AND 1000);

-- Labels that the cluster must have; intent, copied to the execution with `cluster`.
ALTER TABLE build ADD COLUMN cluster_selector jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(cluster_selector) = 'object');

-- `lane` says where a piece of work may go. Within a project's lane only order tells one piece from another, so placement reads the heads of
-- lanes by index and never the queue, and one reason stands for all that waits in a lane.
-- `queued_at` is the clock of waiting: from the submission, or from its return to the queue.
ALTER TABLE execution
  ADD COLUMN cluster          text REFERENCES cluster,
  ADD COLUMN cluster_selector jsonb NOT NULL DEFAULT '{}',
  ADD COLUMN queued_at        timestamptz NOT NULL DEFAULT now();
UPDATE execution e SET cluster = b.cluster, queued_at = e.created_at FROM build b WHERE b.id = e.build_id;
ALTER TABLE execution ADD COLUMN lane text NOT NULL
  GENERATED ALWAYS AS (platform || ' ' || coalesce(cluster, '*') || ' ' || cluster_selector::text) STORED;

DROP INDEX execution_queue;
CREATE INDEX execution_queue ON execution (project, lane, priority DESC, created_at, id) WHERE state = 'QUEUED';
CREATE INDEX execution_late ON execution (queue_deadline) WHERE state = 'QUEUED';
DROP INDEX test_run_queue;
CREATE INDEX test_run_queue ON test_run (platform, created_at, id) WHERE outcome = 'QUEUED';

-- When what it runs had begun to wait. Running begins at building_at.
ALTER TABLE test_run ADD COLUMN queued_at timestamptz NOT NULL DEFAULT now();
ALTER TABLE attempt ADD COLUMN queued_at timestamptz NOT NULL DEFAULT now();
UPDATE attempt SET queued_at = assigned_at;
-- which nodes fail what runs on them, looked at when a pod is made
CREATE INDEX attempt_of_node ON attempt (cluster, finished_at) WHERE node IS NOT NULL AND finished_at IS NOT NULL;

-- Why what waits in a lane was not placed, written when that changes, and when something of it was served last. A row is there while
-- something waits.
DROP TABLE placement_decision;
CREATE TABLE placement_lane (
  project    text NOT NULL REFERENCES project,
  lane       text NOT NULL,
  reason     text,
  message    text,
  clusters   jsonb NOT NULL DEFAULT '{}',
  decided_at timestamptz NOT NULL DEFAULT now(),
  served_at  timestamptz,
  PRIMARY KEY (project, lane),
  CHECK ((reason IS NULL) = (message IS NULL))
);

GRANT INSERT (weight), UPDATE (weight) ON project TO grange_build_service;
GRANT INSERT (cluster_selector) ON build TO grange_build_service;
GRANT INSERT (cluster, cluster_selector) ON execution TO grange_build_service;
GRANT SELECT ON placement_lane TO grange_build_service, grange_scheduler;
GRANT UPDATE (queued_at) ON execution TO grange_scheduler;
GRANT INSERT, UPDATE, DELETE ON placement_lane TO grange_scheduler;
