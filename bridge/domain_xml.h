/* SPDX-License-Identifier: MIT */
/*
 * A libvirt domain's XML, as the words of a QEMU command line that says the same.
 *
 * So that all that looks at a running QEMU can look at a domain that does not run. Only what matters
 * for a vGPU is translated. Takes the domain of /etc/libvirt/qemu as well as the one of
 * /run/libvirt/qemu. The struct owns all of it. Any thread.
 */
#ifndef BRIDGE_DOMAIN_XML_H
#define BRIDGE_DOMAIN_XML_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct domain_xml {
	char *name;
	char *emulator; /* path, NULL: libvirt's choice */
	char *os; /* libosinfo's address, NULL without */
	bool localtime; /* the clock, as for Windows */
	bool locked; /* memoryBacking */
	uint64_t hard_limit; /* bytes, 0: none */
	unsigned mdevs; /* hostdev of that type */
	bool video_none; /* <video><model type='none'/> */
	bool override; /* <qemu:override> */
	GPtrArray *words; /* for qemu_line_parse(), NULL at the end */
	unsigned own_words; /* so many of them, at the end, come from <qemu:commandline> */
};

/* 0, or -EINVAL with one line in why. Finish it in each case. */
int domain_xml_parse(struct domain_xml *domain, const char *text, char *why, size_t why_size);
void domain_xml_finish(struct domain_xml *domain);

#endif
