/* SPDX-License-Identifier: MIT */
/* Options: good values arrive, each bad one gets exactly one line that names option and value. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bridge/options.h"
#include "bridge/options_table.h"

#define UUID "12345678-9abc-def0-1234-56789abcdef0"
#define MAX_ARGUMENTS 32

static char directory[] = "/tmp/test-options-XXXXXX";

struct outcome {
	int result;
	char out[8192], err[4096];
};

static int capture_begin(int stream, int *file)
{
	int saved = dup(stream);

	*file = memfd_create("captured", MFD_CLOEXEC);
	assert_true(saved >= 0 && *file >= 0);
	dup2(*file, stream);
	return saved;
}

static void capture_end(int stream, int saved, int file, char *text, size_t size)
{
	ssize_t n;

	dup2(saved, stream);
	close(saved);
	n = pread(file, text, size - 1, 0);
	assert_true(n >= 0);
	text[n] = '\0';
	close(file);
}

/* Splits at spaces: no argument here holds one. */
static void parse(struct options *options, struct outcome *outcome, const char *line)
{
	char buffer[1024], name[] = "vgpu-bridge", *rest = buffer, *word;
	char *argv[MAX_ARGUMENTS + 1] = {name};
	int argc = 1, err, err_file, out, out_file;

	snprintf(buffer, sizeof(buffer), "%s", line);
	while ((word = strsep(&rest, " "))) {
		assert_true(argc < MAX_ARGUMENTS);
		if (*word) {
			argv[argc++] = word;
		}
	}
	fflush(stdout);
	err = capture_begin(STDERR_FILENO, &err_file);
	out = capture_begin(STDOUT_FILENO, &out_file);
	outcome->result = options_parse(options, argc, argv);
	fflush(stdout);
	capture_end(STDOUT_FILENO, out, out_file, outcome->out, sizeof(outcome->out));
	capture_end(STDERR_FILENO, err, err_file, outcome->err, sizeof(outcome->err));
}

static void expect_good(struct options *options, const char *line)
{
	struct outcome outcome;

	parse(options, &outcome, line);
	if (outcome.result != 0 || *outcome.err) {
		fail_msg("'%s' was refused: %s", line, outcome.err);
	}
}

static void expect_bad(const char *line, const char *first, const char *second)
{
	struct outcome outcome;
	struct options options;
	char *newline;

	parse(&options, &outcome, line);
	if (outcome.result != -EINVAL) {
		fail_msg("'%s' was taken: %d", line, outcome.result);
	}
	newline = strchr(outcome.err, '\n');
	if (!newline || newline[1]) {
		fail_msg("'%s' got not one line but: %s", line, outcome.err);
	}
	if (!strstr(outcome.err, first) || !strstr(outcome.err, second)) {
		fail_msg("'%s': neither '%s' nor '%s' may be missing in: %s", line, first, second,
			outcome.err);
	}
	assert_string_equal(outcome.out, "");
}

static const char *make_file(const char *name, const char *text, mode_t mode)
{
	static char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
	return path;
}

static void test_defaults(void **state)
{
	struct options options;

	expect_good(&options, "serve --simulate --listen unix:/tmp/x");
	assert_int_equal(options.verb, VERB_SERVE);
	assert_int_equal(options.source, SOURCE_SIMULATE);
	assert_string_equal(options.simulate, "");
	assert_int_equal(options.renderer, RENDERER_AUTO);
	assert_int_equal(options.compression, SPICE_COMPRESSION_AUTO);
	assert_int_equal(options.max_fps, 60);
	assert_int_equal(options.fd, -1);
	assert_null(options.password);
	assert_null(options.trace);
	assert_false(options.no_auth);
	assert_int_equal(options.size.width, 0);
	assert_false(options.size.fixed);
	assert_int_equal(options.n_addresses, 1);
	assert_string_equal(options.addresses[0].path, "/tmp/x");
	options_finish(&options);
	options_finish(&options);
}

static void test_values(void **state)
{
	struct options options;
	char line[512];

	expect_good(&options,
		"serve --simulate=800x600,scene=box -l tcp:127.0.0.1:5901 --listen=unix:/a --max-fps "
		"240 --renderer cpu --compression=auto-glz --no-auth --render-node /dev/null "
		"--log-level debug --mode 1366x768 --fixed-mode");
	assert_string_equal(options.simulate, "800x600,scene=box");
	assert_int_equal(options.n_addresses, 2);
	assert_int_equal(options.addresses[0].port, 5901);
	assert_string_equal(options.addresses[1].path, "/a");
	assert_int_equal(options.max_fps, 240);
	assert_int_equal(options.renderer, RENDERER_CPU);
	assert_int_equal(options.compression, SPICE_COMPRESSION_AUTO_GLZ);
	assert_true(options.no_auth);
	assert_int_equal(options.size.width, 1366);
	assert_int_equal(options.size.height, 768);
	assert_true(options.size.fixed);
	assert_string_equal(options.render_node, "/dev/null");
	options_finish(&options);

	expect_good(&options, "probe --mdev 12345678-9ABC-def0-1234-56789abcdef0");
	assert_int_equal(options.verb, VERB_PROBE);
	assert_int_equal(options.source, SOURCE_MDEV);
	assert_string_equal(options.mdev, UUID);
	options_finish(&options);

	expect_good(&options, "probe --mdev " UUID " --group 12 --log-level info");
	assert_int_equal(options.source, SOURCE_GROUP);
	assert_string_equal(options.group, "12");
	assert_string_equal(options.mdev, UUID);
	options_finish(&options);

	expect_good(&options, "probe --group /dev/vfio/3");
	assert_string_equal(options.group, "/dev/vfio/3");
	options_finish(&options);

	expect_good(&options, "probe --cdev /dev/vfio/devices/vfio0");
	assert_int_equal(options.source, SOURCE_CDEV);
	options_finish(&options);

	expect_good(&options, "probe --fd 0");
	assert_int_equal(options.source, SOURCE_FD);
	assert_int_equal(options.fd, 0);
	options_finish(&options);

	expect_good(&options, "serve --vm win10,a --mdev " UUID " -l unix:/a");
	assert_int_equal(options.source, SOURCE_VM);
	assert_string_equal(options.vm, "win10,a");
	assert_string_equal(options.mdev, UUID);
	options_finish(&options);

	expect_good(&options, "probe --qemu-pid 12 --mdev " UUID);
	assert_int_equal(options.source, SOURCE_PID);
	assert_int_equal(options.qemu_pid, 12);
	options_finish(&options);

	expect_good(&options, "serve --fd-socket /run/x --fd-socket-uid 7 -l unix:/a");
	assert_int_equal(options.source, SOURCE_FD_SOCKET);
	assert_string_equal(options.fd_socket, "/run/x");
	assert_int_equal(options.fd_socket_uid, 7);
	options_finish(&options);

	expect_good(&options, "run --mdev " UUID " -l unix:/a --max-fps 9 -- qemu -m 1 -- --help");
	assert_int_equal(options.source, SOURCE_RUN);
	assert_int_equal(options.max_fps, 9);
	assert_string_equal(options.command[0], "qemu");
	assert_string_equal(options.command[4], "--help");
	assert_null(options.command[5]);
	options_finish(&options);

	snprintf(line, sizeof(line), "serve --simulate -l unix:/tmp/x --trace %s/trace", directory);
	expect_good(&options, line);
	assert_non_null(options.trace);
	options_finish(&options);
}

/* Each source in the place of the first, with what its own words say. */
static void test_also(void **state)
{
	struct options options, view;
	struct outcome outcome;
	char name[256];

	parse(&options, &outcome,
		"serve --vm win --qmp unix:/a --listen unix:/x --switch-on-create "
		"--also simulate:640x480,scene=idle,name=test,qmp=unix:/b "
		"--also vm:a,b,mdev=" UUID " --also cdev:/dev/vfio/devices/vfio3 "
		"--also mdev:" UUID ",name=x=y --also group:/dev/vfio/7");
	assert_int_equal(outcome.result, 0);
	assert_int_equal(options_sources(&options), 6);
	assert_true(options.switch_on_create);
	options_of_source(&options, 0, &view);
	options_source_name(&view, name, sizeof(name));
	assert_string_equal(name, "win");
	assert_string_equal(view.qmp, "/a");
	options_of_source(&options, 1, &view);
	options_source_name(&view, name, sizeof(name));
	assert_string_equal(name, "test");
	assert_int_equal(view.source, SOURCE_SIMULATE);
	assert_string_equal(view.simulate, "640x480,scene=idle");
	assert_string_equal(view.qmp, "/b");
	assert_null(view.vm);
	assert_int_equal(view.n_addresses, 1);
	options_of_source(&options, 2, &view);
	options_source_name(&view, name, sizeof(name));
	assert_string_equal(name, "a,b");
	assert_string_equal(view.vm, "a,b");
	assert_string_equal(view.mdev, UUID);
	assert_null(view.qmp);
	assert_null(view.simulate);
	options_of_source(&options, 3, &view);
	options_source_name(&view, name, sizeof(name));
	assert_string_equal(name, "vfio3");
	assert_int_equal(view.source, SOURCE_CDEV);
	options_of_source(&options, 4, &view);
	options_source_name(&view, name, sizeof(name));
	assert_string_equal(name, "x=y");
	assert_int_equal(view.source, SOURCE_MDEV);
	options_of_source(&options, 5, &view);
	options_source_name(&view, name, sizeof(name));
	assert_string_equal(name, "group-7");
	assert_string_equal(view.group, "/dev/vfio/7");
	options_finish(&options);
}

static void test_bad_values(void **state)
{
	static const struct {
		const char *line, *first, *second;
	} cases[] = {
		{"", "no command", "serve"},
		{"watch", "'watch'", "serve, probe"},
		{"serve", "no source", "--simulate"},
		{"serve --simulate", "no address", "--listen"},
		{"serve --simulate --bogus", "--bogus", "serve --help"},
		{"serve --simulate=huge -l unix:/a", "--simulate", "'huge'"},
		{"serve --simulate=scene=opera -l unix:/a", "--simulate", "opera"},
		{"serve --simulate=fps=0 -l unix:/a", "--simulate", "'fps=0'"},
		{"serve --simulate extra -l unix:/a", "--simulate", "'extra'"},
		{"serve -l unix:/a extra --simulate", "'extra'", "unexpected"},
		{"serve --mdev", "--mdev", "Missing argument"},
		{"serve --mdev xyz", "--mdev", "'xyz'"},
		{"serve --mdev 12345678-9abc-def0-1234-56789abcdefg", "--mdev", "defg'"},
		{"serve --group -1", "--group", "'-1'"},
		{"serve --group dev/vfio/1", "--group", "'dev/vfio/1'"},
		{"serve --cdev vfio0", "--cdev", "'vfio0'"},
		{"serve --fd x", "--fd", "'x'"},
		{"serve --fd 987", "--fd", "987"},
		{"serve --fd 99999999999", "--fd", "'99999999999'"},
		{"serve --simulate --fd 0", "--fd", "--simulate"},
		{"serve --mdev " UUID " --cdev /dev/x", "--mdev", "--cdev"},
		{"serve --group 1 --cdev /dev/x", "--group", "--cdev"},
		{"serve --vm", "--vm", "Missing argument"},
		{"serve --vm=", "--vm", "''"},
		{"serve --vm a/b", "--vm", "'a/b'"},
		{"serve --vm ..", "--vm", "'..'"},
		{"serve --vm a --simulate", "--vm", "--simulate"},
		{"serve --qemu-pid 0", "--qemu-pid", "'0'"},
		{"serve --qemu-pid -1", "--qemu-pid", "'-1'"},
		{"serve --qemu-pid qemu", "--qemu-pid", "'qemu'"},
		{"serve --qemu-pid 99999999999", "--qemu-pid", "'99999999999'"},
		{"serve --qemu-pid 1 --vm a", "--qemu-pid", "--vm"},
		{"serve --fd-socket=", "--fd-socket", "''"},
		{"serve --mdev " UUID " --fd-socket /a", "--fd-socket", "--mdev"},
		{"serve --fd-socket /a --fd-socket-uid root", "--fd-socket-uid", "'root'"},
		{"serve --simulate -l unix:/a --fd-socket-uid 7", "--fd-socket-uid", "'7'"},
		{"run --simulate -l unix:/a -- qemu", "--simulate", "'run'"},
		{"run --vm a -l unix:/a -- qemu", "--vm", "'run'"},
		{"run -l unix:/a -- qemu", "no source", "--cdev"},
		{"run --mdev " UUID " --cdev /dev/x -l unix:/a -- qemu", "--mdev", "--cdev"},
		{"run --mdev " UUID " -l unix:/a", "no command to run", "--"},
		{"run --mdev " UUID " -l unix:/a --", "no command to run", "--"},
		{"run --mdev " UUID " -l unix:/a qemu", "'qemu'", "unexpected"},
		{"serve --simulate -l unix:/a -- qemu", "'", "unexpected"},
		{"serve --mdev " UUID " --mdev " UUID, "--mdev", "twice"},
		{"serve --simulate --simulate", "--simulate", "twice"},
		{"serve --simulate --listen", "--listen", "Missing argument"},
		{"serve --simulate --listen udp:1", "--listen", "'udp:1'"},
		{"serve --simulate --listen unix:", "--listen", "'unix:'"},
		{"serve --simulate --listen tcp:127.0.0.1", "--listen", "no port"},
		{"serve --simulate --listen tcp:127.0.0.1:x", "--listen", "port 'x'"},
		{"serve --simulate --listen tcp:127.0.0.1:65536", "--listen", "'65536'"},
		{"serve --simulate --listen tcp:::1:5900", "--listen", "brackets"},
		{"serve --simulate --listen tcp:[::1:5900", "--listen", "IPv6"},
		{"serve --simulate --listen fd:abc", "--listen", "'abc'"},
		{"serve --simulate --listen fd:987", "--listen", "987"},
		{"serve --simulate -l unix:/a -l unix:/a", "'unix:/a'", "twice"},
		{"serve --simulate --listen tcp:0.0.0.0:0", "'tcp:0.0.0.0:0'", "--no-auth"},
		{"serve --simulate --listen tcp::5900", "'tcp::5900'", "--password-file"},
		{"serve --simulate --listen tcp:*:5900", "'tcp:*:5900'", "--no-auth"},
		{"serve --simulate --listen tcp:[::]:0", "'tcp:[::]:0'", "--no-auth"},
		{"serve --simulate -l unix:/a --password-file /nowhere/x", "--password-file",
			"'/nowhere/x'"},
		{"serve --simulate -l unix:/a --password-file /tmp", "--password-file", "'/tmp'"},
		{"serve --simulate -l unix:/a --no-auth=yes", "--no-auth", "'yes'"},
		{"serve --simulate -l unix:/a --no-auth --no-auth", "--no-auth", "twice"},
		{"serve --simulate -l unix:/a --compression zip", "--compression", "'zip'"},
		{"serve --simulate -l unix:/a --renderer GL", "--renderer", "'GL'"},
		{"serve --simulate -l unix:/a --render-node /nowhere", "--render-node",
			"'/nowhere'"},
		{"serve --simulate -l unix:/a --render-node /tmp", "--render-node", "'/tmp'"},
		{"serve --simulate -l unix:/a --max-fps 0", "--max-fps", "'0'"},
		{"serve --simulate -l unix:/a --max-fps 241", "--max-fps", "'241'"},
		{"serve --simulate -l unix:/a --max-fps -5", "--max-fps", "'-5'"},
		{"serve --simulate -l unix:/a --max-fps 30fps", "--max-fps", "'30fps'"},
		{"serve --simulate -l unix:/a --max-fps=", "--max-fps", "''"},
		{"serve --simulate -l unix:/a --mode 1920", "--mode", "'1920'"},
		{"serve --simulate -l unix:/a --mode 1920x", "--mode", "'1920x'"},
		{"serve --simulate -l unix:/a --mode x1080", "--mode", "'x1080'"},
		{"serve --simulate -l unix:/a --mode 1920x1080x1", "--mode", "1920x1080x1"},
		{"serve --simulate -l unix:/a --mode 63x600", "--mode", "from 64x64"},
		{"serve --simulate -l unix:/a --mode 4096x2160", "--mode", "to 4095x4095"},
		{"serve --simulate -l unix:/a --mode 000000000000000001920x1080", "--mode",
			"such as"},
		{"serve --simulate -l unix:/a --fixed-mode=no", "--fixed-mode", "'no'"},
		{"serve --simulate -l unix:/a --trace /nowhere/x", "--trace", "'/nowhere/x'"},
		{"serve --simulate -l unix:/a --log-level loud", "--log-level", "'loud'"},
		{"serve --simulate -l unix:/a --config /nowhere", "--config", "'/nowhere'"},
		{"probe --simulate --listen unix:/a", "--listen", "'probe'"},
		{"probe --simulate --max-fps 3", "--max-fps", "'probe'"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		expect_bad(cases[i].line, cases[i].first, cases[i].second);
	}
}

static void test_password(void **state)
{
	static const char base[] = "serve --simulate --listen tcp:*:5900 --password-file ";
	char line[512], sixty[128], text[160];
	struct options options;

	memset(sixty, 'p', 60);
	sixty[60] = '\0';
	snprintf(text, sizeof(text), "%s\r\nsecond line\n", sixty);
	snprintf(line, sizeof(line), "%s%s", base, make_file("good", text, 0600));
	expect_good(&options, line);
	assert_string_equal(options.password, sixty);
	options_finish(&options);

	snprintf(line, sizeof(line), "%s%s", base, make_file("bare", "secret", 0640));
	expect_good(&options, line);
	assert_string_equal(options.password, "secret");
	options_finish(&options);

	sixty[60] = 'p';
	sixty[61] = '\0';
	snprintf(line, sizeof(line), "%s%s", base, make_file("long", sixty, 0600));
	expect_bad(line, "/long'", "60 bytes");
	snprintf(line, sizeof(line), "%s%s", base, make_file("empty", "\nsecret\n", 0600));
	expect_bad(line, "/empty'", "empty");
	snprintf(line, sizeof(line), "%s%s", base, make_file("open", "secret\n", 0644));
	expect_bad(line, "/open'", "0644");
}

static void test_config(void **state)
{
	struct options options;
	char line[512];

	snprintf(line, sizeof(line), "serve --config %s",
		make_file("conf",
			"# comment\n[vgpu-bridge]\n simulate = 640x480 \nlisten=unix:/a\n"
			"listen = tcp:*:1\nmax-fps=30\nno-auth=true\nrenderer=cpu\n",
			0644));
	expect_good(&options, line);
	assert_string_equal(options.simulate, "640x480");
	assert_int_equal(options.n_addresses, 2);
	assert_int_equal(options.max_fps, 30);
	assert_true(options.no_auth);
	assert_int_equal(options.renderer, RENDERER_CPU);
	options_finish(&options);

	/* The command line wins, key by key; one source replaces the other, addresses too. */
	strcat(line, " --max-fps 20 --listen unix:/b --fd 0");
	expect_good(&options, line);
	assert_int_equal(options.max_fps, 20);
	assert_int_equal(options.n_addresses, 1);
	assert_string_equal(options.addresses[0].path, "/b");
	assert_int_equal(options.source, SOURCE_FD);
	assert_null(options.simulate);
	assert_int_equal(options.renderer, RENDERER_CPU);
	options_finish(&options);

	/* One file for both verbs. */
	snprintf(line, sizeof(line), "probe --config %s/conf", directory);
	expect_good(&options, line);
	assert_int_equal(options.n_addresses, 0);
	options_finish(&options);
}

static void test_bad_config(void **state)
{
	static const struct {
		const char *text, *first, *second;
	} cases[] = {
		{"max-fsp=30\n", ":1: ", "'max-fsp'"},
		{"\nmax-fps=300\n", ":2: max-fps", "'300'"},
		{"max-fps=30\nmax-fps=31\n", ":2: ", "'max-fps'"},
		{"max-fps\n", ":1: ", "'max-fps'"},
		{"[other]\n", ":1: ", "'[other]'"},
		{"config=/x\n", ":1: ", "'config'"},
		{"help=true\n", ":1: ", "'help'"},
		{"no-auth=maybe\n", ":1: no-auth", "'maybe'"},
		{"no-auth=\n", ":1: ", "no-auth"},
		{"listen=unix:/a\nlisten=x\n", ":2: listen", "'x'"},
		{"cdev=/dev/a\ngroup=1\n", "--cdev", "--group"},
	};
	char line[512];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(line, sizeof(line), "serve --config %s",
			make_file("bad", cases[i].text, 0644));
		expect_bad(line, cases[i].first, cases[i].second);
	}
	expect_bad("serve --config /tmp", "--config", "'/tmp'");
}

static void test_inherited_listener(void **state)
{
	struct sockaddr_in any = {.sin_family = AF_INET};
	struct options options;
	char line[128], number[16];
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&any, sizeof(any)), 0);
	snprintf(number, sizeof(number), "fd:%d", fd);
	snprintf(line, sizeof(line), "serve --simulate --listen %s", number);
	expect_bad(line, number, "listening");
	assert_int_equal(listen(fd, 1), 0);
	/* It is what getsockname() says that counts, not how it was written. */
	expect_bad(line, number, "--no-auth");
	strcat(line, " --no-auth");
	expect_good(&options, line);
	assert_int_equal(options.addresses[0].fd, fd);
	options_finish(&options);
	close(fd);
}

static void test_help(void **state)
{
	static const char *const lines[] = {
		"serve --help", "probe -h", "run --help", "viewer-file --help"};
	struct options options;
	struct outcome outcome;
	char option[64];

	parse(&options, &outcome, "--help");
	assert_int_equal(outcome.result, 1);
	assert_non_null(strstr(outcome.out, "probe"));
	parse(&options, &outcome, "--version");
	assert_int_equal(outcome.result, 1);
	assert_non_null(strstr(outcome.out, "vgpu-bridge "));
	for (int verb = VERB_SERVE; verb < VERB_COUNT; verb++) {
		parse(&options, &outcome, lines[verb]);
		assert_int_equal(outcome.result, 1);
		assert_string_equal(outcome.err, "");
		for (size_t i = 0; option_at(i); i++) {
			snprintf(option, sizeof(option), "--%s", option_at(i)->name);
			assert_int_equal(strstr(outcome.out, option) != NULL,
				(option_at(i)->verbs >> verb) & 1);
		}
	}
}

static int make_directory(void **state)
{
	log_init();
	return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
	static const char *const names[] = {
		"good", "bare", "long", "empty", "open", "conf", "bad", "trace"};
	char path[256];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
		unlink(path);
	}
	return rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_also),
		cmocka_unit_test(test_bad_values),
		cmocka_unit_test(test_password),
		cmocka_unit_test(test_config),
		cmocka_unit_test(test_bad_config),
		cmocka_unit_test(test_inherited_listener),
		cmocka_unit_test(test_help),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
