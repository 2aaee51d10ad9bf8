# Completion for fish: the program itself says what may come next; where it names nothing, files do.
function __trailwarden_complete
    set -l words (commandline -opc) (commandline -ct)
    $words[1] complete -- $words[2..-1] 2>/dev/null
end
complete -c trailwarden -n 'test (count (__trailwarden_complete)) -gt 0' -f -a '(__trailwarden_complete)'
