# SPDX-License-Identifier: MIT
#
# Run by a shell in the Debian where the package was just installed: is all there, and does it work?
version=$1
wrong=0

check() # WHAT COMMAND...
{
	what=$1
	shift
	if "$@" >/tmp/words 2>&1; then
		echo "ok: $what"
	else
		echo "WRONG: $what"
		tail -n 20 /tmp/words
		wrong=1
	fi
}

# Files as the package has them, of the right kind, by glob.
have()
{
	for path; do
		[ -s "$path" ] || { echo "there is no $path" && return 1; }
	done
}

says_version()
{
	vgpu-bridge --version | tee /dev/stderr | grep -qw "$version"
}

man_page()
{
	have /usr/share/man/man1/vgpu-bridge.1.gz &&
		zcat /usr/share/man/man1/vgpu-bridge.1.gz | grep -q '^\.TH "vgpu-bridge" "1"'
}

completion()
{
	have /usr/share/bash-completion/completions/vgpu-bridge.bash &&
		bash -c '. /usr/share/bash-completion/completions/vgpu-bridge.bash &&
			complete -p vgpu-bridge'
}

user()
{
	getent passwd vgpu-bridge && getent group vgpu-bridge && id -nG vgpu-bridge &&
		id -nG vgpu-bridge | grep -qw render && id -nG vgpu-bridge | grep -qw kvm
}

service()
{
	have /lib/systemd/system/vgpu-bridge@.service /lib/systemd/system/vgpu-bridge@.socket \
		/lib/udev/rules.d/60-vgpu-bridge.rules /usr/lib/tmpfiles.d/vgpu-bridge.conf &&
		grep '^ExecStart=/usr/bin/vgpu-bridge ' /lib/systemd/system/vgpu-bridge@.service &&
		systemd-analyze verify --man=no vgpu-bridge@some.service
}

# What an administrator may change is kept when the package is upgraded.
conffiles()
{
	dpkg-query -W -f '${Conffiles}\n' vgpu-bridge | tee /dev/stderr |
		grep -q /etc/libvirt/hooks/qemu.d/vgpu-bridge &&
		[ -x /etc/libvirt/hooks/qemu.d/vgpu-bridge ] && [ -d /etc/vgpu-bridge ]
}

not_enabled()
{
	! find /etc/systemd -name '*vgpu-bridge*' -path '*.wants/*' | grep .
}

# A host without a vGPU has nothing to list, and doctor says why that is so.
verbs()
{
	vgpu-bridge list && vgpu-bridge doctor
	[ $? = 2 ]
}

check "the program tells its version" says_version
check "the man page" man_page
check "the completion" completion
check "copyright and examples" have /usr/share/doc/vgpu-bridge/copyright \
	/usr/share/doc/vgpu-bridge/examples/example.conf
check "the files are as the package has them" dpkg -V vgpu-bridge
check "policies to take as examples" have /usr/share/vgpu-bridge/apparmor/vgpu-bridge \
	/usr/share/vgpu-bridge/selinux/vgpu_bridge.te
check "the user vgpu-bridge and its groups" user
check "units, rules of udev, tmpfiles" service
check "what is to be changed in /etc" conffiles
check "no unit is enabled" not_enabled
check "list and doctor" verbs
# The test that Debian's machinery would run.
check "it serves the simulated desktop, tells its status, makes a screenshot" sh /tmp/simulated
exit $wrong
