-- What the scheduler knows of an attempt's pod.
ALTER TABLE attempt
  -- where the pod's log is read on: the cluster's own word, written together with the chunk before it
  ADD COLUMN log_position   text,
  -- when the pod was first seen to have a node
  ADD COLUMN scheduled_at   timestamptz,
  -- until when a pod that failed is left in its cluster, for people to look at
  ADD COLUMN pod_kept_until timestamptz,
  ADD CONSTRAINT attempt_keeps_failed_pods_only CHECK (pod_kept_until IS NULL OR state = 'FAILED');
