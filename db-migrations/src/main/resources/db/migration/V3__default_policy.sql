-- The policy of a new farm: one smoke test in the worker, then every stable registry gets the image under the tags that were asked for.
-- {candidate}, {project}, {image} and {short_id} are filled in for each release; "*" stands for every stable registry.
INSERT INTO policy (name, version, body, principal) VALUES ('default', 1, '{
  "test_cases": [
    {"name": "smoke", "command": ["grange-smoke", "{candidate}"], "timeout_seconds": 300, "required": true}
  ],
  "targets": [
    {"registry": "*", "repository": "{project}/{image}", "tags": {"unique": ["{short_id}"], "requested": true}}
  ]
}', 'grange');
INSERT INTO project (name, description) VALUES ('default', 'Builds that name no project');
