# bash completion for dmlosetup                            -*- shell-script -*-
# SPDX-License-Identifier: GPL-2.0-only
#
# Options and columns are taken from --help, so they cannot differ from it.

_dmlosetup_devices() {
	"$1" --list --noheadings --output NAME 2>/dev/null
}

_dmlosetup_options() {
	"$1" --help 2>/dev/null | sed -n 's/^ \(-., \|    \)\(--[a-z-]*\).*/\2/p'
}

_dmlosetup_columns() {
	"$1" --help 2>/dev/null |
		sed -n '/^Available output columns/,/^$/s/^ *\([A-Z][A-Z:-]*\)  .*/\1/p'
}

_dmlosetup_tab() {
	sed -n 's/^[ \t]*\([^# \t][^ \t]*\)[ \t].*/\1/p' "${FASTLOOPTAB:-/etc/fastlooptab}" 2>/dev/null
}

_dmlosetup_reply() {
	local line
	COMPREPLY=()
	while IFS= read -r line; do
		COMPREPLY+=("$line")
	done < <(compgen "$@")
}

# The last of the columns that are separated by commas.
_dmlosetup_complete_columns() {
	local done=${2%"${2##*,}"}
	_dmlosetup_reply -P "$done" -W "$(_dmlosetup_columns "$1")" -- "${2##*,}"
}

_dmlosetup() {
	local cur prev COMP_WORDBREAKS=${COMP_WORDBREAKS//[:=]/}
	cur=${COMP_WORDS[COMP_CWORD]}
	prev=${COMP_WORDS[COMP_CWORD - 1]}

	case $prev in
	-d | --detach | -c | --set-capacity | --remove | --map)
		_dmlosetup_reply -W "$(_dmlosetup_devices "$1")" -- "$cur"
		return
		;;
	-O | --output)
		compopt -o nospace
		_dmlosetup_complete_columns "$1" "$cur"
		return
		;;
	--attach-tab | --detach-tab)
		_dmlosetup_reply -W "$(_dmlosetup_tab)" -- "$cur"
		return
		;;
	-b | --sector-size)
		_dmlosetup_reply -W '512 1024 2048 4096' -- "$cur"
		return
		;;
	-o | --offset | --sizelimit | --loop-ref | --name | --create | --stat)
		return
		;;
	-h | --help | -V | --version)
		return
		;;
	esac
	case $cur in
	--direct-io=*)
		_dmlosetup_reply -P "${cur%%=*}=" -W 'on off' -- "${cur#*=}"
		;;
	-*)
		_dmlosetup_reply -W "$(_dmlosetup_options "$1")" -- "$cur"
		;;
	/dev/mapper/*)
		_dmlosetup_reply -W "$(_dmlosetup_devices "$1")" -- "$cur"
		;;
	*)
		compopt -o filenames
		_dmlosetup_reply -f -- "$cur"
		;;
	esac
}
complete -F _dmlosetup dmlosetup
