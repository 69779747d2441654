/* SPDX-License-Identifier: MIT */
/*
 * What the program does, a function for each verb: runs to its end and returns an enum exit_code.
 * Main thread.
 */
#ifndef BRIDGE_VERBS_H
#define BRIDGE_VERBS_H

struct options;
struct tool_call;

int serve(const struct options *options);
int probe(const struct options *options);
int viewer_file(const struct options *options);

int xml_tool(const struct tool_call *call);
int qemu_args_tool(const struct tool_call *call);
int display_tool(const struct tool_call *call);
int doctor_tool(const struct tool_call *call);
int log_level_tool(const struct tool_call *call);
int status_tool(const struct tool_call *call);
int events_tool(const struct tool_call *call);
int metrics_tool(const struct tool_call *call);
int set_tool(const struct tool_call *call);
int unit_tool(const struct tool_call *call);
/* Of the verb display, where its first argument is switch. */
int display_switch(const struct tool_call *call);
int screenshot_tool(const struct tool_call *call);
int create_tool(const struct tool_call *call);
int list_tool(const struct tool_call *call);
int prune_tool(const struct tool_call *call);
int remove_tool(const struct tool_call *call);

#endif
