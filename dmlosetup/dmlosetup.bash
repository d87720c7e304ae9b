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

# The words up to the cursor, into $words. Bash splits them at "=" and ":", too:
# what has no blank in between is one word.
_dmlosetup_words() {
	local rest=$COMP_LINE part parts=("${COMP_WORDS[@]:0:COMP_CWORD+1}")
	words=()
	for part in "${parts[@]}"; do
		if [[ ${#words[@]} -eq 0 || -z $rest || $rest == [[:blank:]]* ]]; then
			words+=("$part")
		else
			words[-1]+=$part
		fi
		rest=${rest#"${rest%%[![:blank:]]*}"}
		rest=${rest#"$part"}
	done
}

# What bash replaces is what stands behind the last place where it has split.
_dmlosetup_trim() {
	local breaks=${COMP_WORDBREAKS//[!:=]/} head i
	[ -n "$breaks" ] || return
	head=${1%"${1##*["$breaks"]}"}
	for i in "${!COMPREPLY[@]}"; do
		COMPREPLY[i]=${COMPREPLY[i]#"$head"}
	done
}

# The last of the columns that are separated by commas.
_dmlosetup_complete_columns() {
	local done=${2%"${2##*,}"}
	_dmlosetup_reply -P "$done" -W "$(_dmlosetup_columns "$1")" -- "${2##*,}"
}

_dmlosetup() {
	local words word
	_dmlosetup_words
	word=${words[-1]}
	_dmlosetup_complete "$1" "$word" "${words[-2]}"
	_dmlosetup_trim "$word"
}

# COMMAND WORD PREVIOUS
_dmlosetup_complete() {
	local cur=$2 prev=$3 head=

	case $cur in
	--direct-io=*) ;;
	--*=*)
		head=${cur%%=*}=
		prev=${cur%%=*}
		cur=${cur#*=}
		;;
	esac
	_dmlosetup_value "$1" "$cur" "$prev"
	[ -z "$head" ] || COMPREPLY=("${COMPREPLY[@]/#/"$head"}")
}

# COMMAND WORD PREVIOUS: without what stands in front of a "=".
_dmlosetup_value() {
	local cur=$2

	COMPREPLY=()
	case $3 in
	-d | --detach | -c | --set-capacity | --remove | --preload | --map)
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
