/* SPDX-License-Identifier: MIT */
/*
 * The logger: one line a message on stderr, with the journal's level prefix when it goes there.
 *
 * The one global of the program. Any thread. Messages carry no newline. errno is kept.
 */
#ifndef BRIDGE_LOG_H
#define BRIDGE_LOG_H

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

void log_set_level(enum log_level level);
enum log_level log_level(void);
/* Routes the libraries' GLib messages here too. */
void log_init(void);

__attribute__((format(printf, 2, 3))) void log_write(enum log_level level, const char *format, ...);

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
