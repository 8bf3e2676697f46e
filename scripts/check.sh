#!/bin/sh
# Runs every gate, each of them an npm script `check:<name>`, and stops at the first that fails, naming it.
for gate in format lint types imports unused env errors faults schema docker; do
  printf 'check:%s\n' "$gate"
  npm run --silent "check:$gate" || {
    printf '\nThe gate "%s" failed. Again, alone: npm run check:%s\n' "$gate" "$gate" >&2
    exit 1
  }
done
