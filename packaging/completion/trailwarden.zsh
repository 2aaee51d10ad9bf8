#compdef trailwarden
# Completion for zsh: the program itself says what may come next; where it names nothing, files do.
_trailwarden() {
  local line
  local -a found
  for line in "${(@f)$("${words[1]}" complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    [[ -n $line ]] && found+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
  done
  if (( $#found )); then
    _describe trailwarden found
  else
    _files
  fi
}
_trailwarden "$@"
