# Completion for bash: the program itself says what may come next; where it names nothing, files do.
_trailwarden() {
  local candidate rest
  COMPREPLY=()
  while IFS=$'\t' read -r candidate rest; do
    COMPREPLY+=("$candidate")
  done < <("${COMP_WORDS[0]}" complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _trailwarden trailwarden
