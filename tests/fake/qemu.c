/* SPDX-License-Identifier: MIT */
/*
 * Stands for QEMU where a test needs only what is seen of one from outside: a command line, open
 * descriptors, and an end. Opens the files of HOLD (":" between them), says "holding" on its output,
 * closes and opens them in turns by SIGUSR1, and ends by SIGTERM with status HOLD_STATUS. A descriptor of "-device vfio-pci,fd=N" has to be open.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t signalled;

static void on_signal(int number)
{
	signalled = number;
}

/* Files that are held, and which of them are open. */
static const char *held[16];
static int fds[16];
static int held_count;

static int open_all(void)
{
	for (int i = 0; i < held_count; i++) {
		fds[i] = open(held[i], O_RDWR | O_CLOEXEC);
		if (fds[i] < 0) {
			perror(held[i]);
			return -1;
		}
	}
	return 0;
}

static void close_all(void)
{
	for (int i = 0; i < held_count; i++) {
		close(fds[i]);
	}
}

int main(int argc, char **argv)
{
	const char *hold = getenv("HOLD");
	const char *status = getenv("HOLD_STATUS");
	sigset_t wait, none;

	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		printf("QEMU emulator version 10.0.0 (a stand-in)\n");
		return 0;
	}
	sigemptyset(&none);
	sigemptyset(&wait);
	sigaddset(&wait, SIGTERM);
	sigaddset(&wait, SIGINT);
	sigaddset(&wait, SIGUSR1);
	sigprocmask(SIG_BLOCK, &wait, NULL);
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	signal(SIGUSR1, on_signal);
	for (int i = 1; i < argc; i++) {
		const char *fd =
			strncmp(argv[i], "vfio-pci,", 9) == 0 ? strstr(argv[i], ",fd=") : NULL;

		if (fd && fcntl(atoi(fd + 4), F_GETFD) != 0) {
			printf("no descriptor %s\n", fd);
			return 66;
		}
		printf("argument %s\n", argv[i]);
	}
	for (char *file = hold ? strtok(strdup(hold), ":") : NULL; file && held_count < 16;
		file = strtok(NULL, ":")) {
		held[held_count++] = file;
	}
	if (open_all() < 0) {
		return 66;
	}
	printf("holding\n");
	fflush(stdout);
	for (bool open = true; signalled != SIGTERM && signalled != SIGINT;) {
		sigsuspend(&none);
		if (signalled == SIGUSR1 && open) {
			close_all();
		} else if (signalled == SIGUSR1 && open_all() < 0) {
			return 66;
		}
		if (signalled == SIGUSR1) {
			open = !open;
			signalled = 0;
		}
	}
	printf("ends by signal %d\n", (int)signalled);
	fflush(stdout);
	return status ? atoi(status) : 0;
}
