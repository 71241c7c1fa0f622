-- Two login roles, one for each application. They meet in the tables and never write each other's columns.
-- Passwords are set by whoever installs the farm, not here.
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'grange_build_service') THEN
    CREATE ROLE grange_build_service LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE;
  END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'grange_scheduler') THEN
    CREATE ROLE grange_scheduler LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE;
  END IF;
END $$;

REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO grange_build_service, grange_scheduler;
GRANT SELECT ON flyway_schema_history TO grange_build_service, grange_scheduler;

-- build-service: reads what it shows, writes intent.
GRANT SELECT ON project, token, registry, cluster, context, build, idempotency_key, request, execution, platform_build, policy,
  release, test_run, waiver, promotion, promotion_target, attempt, material, log_chunk, placement_decision, outbox
  TO grange_build_service;
GRANT INSERT (name, description), UPDATE (description) ON project TO grange_build_service;
GRANT INSERT (id, hash, principal, project, roles, expires_at), UPDATE (revoked_at) ON token TO grange_build_service;
GRANT INSERT (name, url, role), UPDATE (url) ON registry TO grange_build_service;
GRANT INSERT (name, kind, desired, slots, platforms, weight, labels, config), UPDATE (desired, slots, platforms, weight, labels, config)
  ON cluster TO grange_build_service;
GRANT INSERT (project, digest, artifact, blob, size_bytes, entries, principal) ON context TO grange_build_service;
GRANT INSERT (id, project, image, tags, containerfile, context, args, labels, target, platforms, priority, timeout_seconds,
  queue_seconds, scratch, cluster, principal, retry_of) ON build TO grange_build_service;
GRANT INSERT (principal, key, body, build_id) ON idempotency_key TO grange_build_service;
GRANT INSERT (id, principal, project, command, build_id, target, arguments) ON request TO grange_build_service;
GRANT INSERT (id, project, platform, input_digest, build_id, priority, queue_deadline) ON execution TO grange_build_service;
GRANT INSERT (id, build_id, platform, execution_id) ON platform_build TO grange_build_service;
GRANT INSERT (name, version, body, principal) ON policy TO grange_build_service;
GRANT INSERT (id, project, digest, test_case, platform, scenario, comment, principal, expires_at), UPDATE (revoked_at, revoked_by)
  ON waiver TO grange_build_service;
GRANT INSERT (event_id, topic, key, type, source, subject, payload) ON outbox TO grange_build_service;

-- scheduler: reads intent, writes what happened. It sees no token and no idempotency key.
GRANT SELECT ON project, registry, cluster, context, build, request, execution, platform_build, policy, release, test_run, waiver,
  promotion, promotion_target, attempt, material, log_chunk, placement_decision, lease, outbox TO grange_scheduler;
GRANT UPDATE (reachable, reachable_changed_at, last_error, features) ON cluster TO grange_scheduler;
GRANT UPDATE (state, started_at, finished_at, candidate_repository, candidate_digest, fault, reason, message, index_epoch,
  index_holder, index_until, index_tries) ON build TO grange_scheduler;
GRANT UPDATE (answer, answer_text, answered_at) ON request TO grange_scheduler;
GRANT UPDATE (state, not_before, queue_deadline, tries, interruptions, refused, finished_at) ON execution TO grange_scheduler;
GRANT UPDATE (state, started_at, finished_at, attempt_id, digest, fault, reason, message) ON platform_build TO grange_scheduler;
GRANT INSERT, UPDATE ON release, test_run, promotion, promotion_target, attempt, placement_decision, lease TO grange_scheduler;
GRANT DELETE ON placement_decision, lease TO grange_scheduler;
GRANT INSERT ON material, log_chunk, outbox TO grange_scheduler;
GRANT UPDATE (sent_at) ON outbox TO grange_scheduler;
