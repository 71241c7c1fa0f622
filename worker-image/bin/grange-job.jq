# A job as NUL-terminated fields: the version of this list, kind, grace, digest file, number of probes, probes, and for each step name, timeout, retries, delay, reason,
# number of arguments, arguments. Refuses what the entrypoint could not carry faithfully.
def refuse($why): error("job.json: " + $why);
def text($pattern): if type == "string" and test("\\A" + $pattern + "\\z") then . else refuse("\(.) is not \($pattern)") end;
def count($least): if type == "number" and . == floor and . >= $least and . <= 1000000 then tostring else refuse("\(.) is not a number") end;
def list($most): if type == "array" and length <= $most then . else refuse("not a list of at most \($most)") end;
def argument: if type == "string" and (explode | index(0) | not) then . else refuse("an argument is no text") end;

if .version != 1 then refuse("version \(.version)") else . end
| "1",
  (.kind | text("build|test")),
  (.term_grace_seconds // 10 | count(1)),
  (.digest_file // "digest" | text("[A-Za-z0-9_-][A-Za-z0-9._-]*")),
  (.probe // [] | list(16) | (length | tostring), (.[] | text("[A-Za-z0-9.:_-]+:[0-9]{1,5}"))),
  ( .steps | list(12) | if length == 0 then refuse("no step") else .[] end
    | (.name | text("[a-z][a-z0-9-]{0,31}")),
      (.timeout_seconds | count(1)),
      (.retries // 0 | count(0)),
      (.retry_delay_seconds // 1 | count(0)),
      (.failure_reason | text("[A-Za-z]{1,40}")),
      (.argv | list(100000) | if length == 0 then refuse("an empty argv") else (length | tostring), (.[] | argument) end)
  )
| . + "\u0000"
