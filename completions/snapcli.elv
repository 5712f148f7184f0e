
set edit:completion:arg-completer[snapcli] = { |@words|
    var index = (count $words)
    set index = (- $index 1)

    put (env _CLAP_IFS="\n" _CLAP_COMPLETE_INDEX=(to-string $index) _SNAPCLI_COMPLETE="elvish" snapcli -- $@words) | to-lines
}

