#compdef dmlosetup
# zsh completion for dmlosetup
# SPDX-License-Identifier: GPL-2.0-only
#
# Options and columns are taken from --help, so they cannot differ from it.

_dmlosetup_devices() {
	local -a devices=(${(f)"$(_call_program devices ${words[1]} --list --noheadings --output NAME)"})
	_wanted devices expl 'fastloop device' compadd -a devices
}

_dmlosetup_columns() {
	local -a columns=(${(f)"$(_call_program columns ${words[1]} --help |
		sed -n '/^Available output columns/,/^$/s/^ *\([A-Z][A-Z:-]*\)  .*/\1/p')"})
	compset -P '*,'
	_wanted columns expl 'column' compadd -qS , -a columns
}

_dmlosetup_names() {
	local -a names=(${(f)"$(sed -n 's/^[ \t]*\([^# \t][^ \t]*\)[ \t].*/\1/p' \
		"${FASTLOOPTAB:-/etc/fastlooptab}" 2>/dev/null)"})
	_wanted names expl 'name in the tab' compadd -a names
}

# What stands without an option: what the options before it want.
_dmlosetup_rest() {
	if (( ${words[(I)--attach-tab]} || ${words[(I)--detach-tab]} )); then
		_dmlosetup_names
	elif (( ${words[(I)(-d|--detach|--remove|--preload)]} )); then
		_dmlosetup_devices
	else
		_alternative 'devices:fastloop device:_dmlosetup_devices' 'files:file:_files'
	fi
}

# The argument of an option, as _arguments wants it, into $reply.
_dmlosetup_argument() {
	case $1 in
	--detach | --set-capacity | --remove | --preload | --map) reply=':device:_dmlosetup_devices' ;;
	--associated) reply=':file:_files' ;;
	--sector-size) reply=':bytes:(512 1024 2048 4096)' ;;
	--output) reply=':columns:_dmlosetup_columns' ;;
	--direct-io) reply='::on or off:(on off)' ;;
	--stat) reply='::seconds: ' ;;
	*) reply=":${2//:/}: " ;;
	esac
}

_dmlosetup() {
	local line short long argument text reply
	local -a match mbegin mend specs

	while IFS= read -r line; do
		[[ $line =~ '^ (-., |    )(--[a-z-]*)(\[?[ =]?<[^>]*>[].]*)? +(.*)$' ]] || continue
		short=${match[1]%, }
		long=${match[2]}
		argument=${match[3]//[^a-z]/}
		text=${${${match[4]//:/\\:}//\[/\\[}//\]/\\]}
		reply=
		[[ -z $argument ]] || _dmlosetup_argument $long $argument
		case $long in
		--direct-io) specs+=("$long=-[$text]$reply") ;;
		*) specs+=("(${short# *} $long)$long${argument:+=}[$text]$reply") ;;
		esac
		[[ $short = -? ]] && specs+=("($short $long)$short${argument:++}[$text]$reply")
	done < <(_call_program options ${words[1]} --help)

	_arguments -s $specs '*: :_dmlosetup_rest'
}

_dmlosetup "$@"
