# The result of a failed job from its last log lines. Cuts the message at the front until the whole has at most 4,096 bytes, newline included.
def result($message): {version: 1, outcome: "FAILED", step: $step, reason: $reason, exit: $exit, message: $message, steps: $steps};
(gsub("\u001b\\[[0-9;?]*[A-Za-z]"; "") | explode | map(select(. == 9 or . == 10 or (. >= 32 and . != 127))) | implode | gsub("\\A\\s+|\\s+\\z"; "")) as $text
| {cut: ([($text | length) - 3900, 0] | max)}
| until(result($text[.cut:]) | tojson | utf8bytelength <= 4095; .cut += 64)
| result($text[.cut:])
