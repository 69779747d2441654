# SPDX-License-Identifier: MIT
#
# Shell functions that the scripts of the test machine share. Sourced by bash, never run.

# Something that the tests need is absent. In CI that is a failure, elsewhere the test is skipped.
skip()
{
	echo "SKIP: $*"
	if [ "${CI:-}" = true ]; then
		echo "CI=true: that counts as a failure here"
		exit 1
	fi
	exit 77
}

die()
{
	echo "FAIL: $*"
	exit 1
}

note()
{
	printf '%s %s\n' "$(date +%H:%M:%S)" "$*"
}

need_root()
{
	[ "$(id -u)" = 0 ] || skip "must be root (debootstrap makes device nodes and a chroot)"
}

need_tools()
{
	local tool
	for tool; do
		command -v "$tool" >/dev/null || skip "no $tool on this machine"
	done
}

# The URI that apt fetches this machine's own Debian release from.
apt_mirror()
{
	local codename uri
	codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
	uri=$(apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' \
		'Created-By: Packages' 2>/dev/null |
		awk -v c="$codename" '$1 == c && $2 == "main" { print $3; exit }')
	[ -n "$uri" ] && echo "${uri%/}"
}

apt_proxy()
{
	local proxy=
	eval "$(apt-config shell proxy Acquire::http::Proxy)"
	echo "${proxy:-${http_proxy:-}}"
}

in_root()
{
	# make hands PWD on, and kernel makefiles use it.
	http_proxy=$(apt_proxy) PWD=/ chroot "$root" "$@"
}

digest()
{
	printf '%s\n' "$@" | sha256sum | cut -d' ' -f1
}

# stamped FILE INPUT...: true where FILE was left by stamp with the same inputs.
stamped()
{
	local file=$1
	shift
	[ -f "$file" ] && [ "$(cat "$file")" = "$(digest "$@")" ]
}

stamp()
{
	local file=$1
	shift
	digest "$@" >"$file"
}

# step NAME INPUT...: runs build_NAME unless it has been run with the same inputs.
step()
{
	local name=$1
	shift
	if stamped "$top/$name.stamp" "$@"; then
		return
	fi
	rm -f "$top/$name.stamp"
	"build_$name"
	stamp "$top/$name.stamp" "$@"
}

# The kernel's source on stdout, as a compressed tar archive.
source_tar()
{
	local name
	name=$(dpkg-deb --fsys-tarfile "$top/source.deb" | tar -t | grep -E '/linux-source-.*\.tar\.xz$')
	dpkg-deb --fsys-tarfile "$top/source.deb" | tar -xO "$name"
}
