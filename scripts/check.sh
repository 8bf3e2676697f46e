#!/bin/sh
# Runs every gate, each of them an npm script `check:<name>`, two at a time, and names those that fail.
output=$(mktemp -d)
trap 'rm -rf "$output"' EXIT
export output

printf '%s\n' lint types format imports schema unused docker errors env faults | xargs -n 1 -P 2 sh -c '
  if npm run --silent "check:$0" >"$output/$0" 2>&1; then
    printf "check:%s\n" "$0"
  else
    touch "$output/$0.failed"
    cat "$output/$0"
    printf "\nThe gate \"%s\" failed. Again, alone: npm run check:%s\n" "$0" "$0"
  fi >&2'

! ls "$output" | grep -q "\.failed$"
