/* SPDX-License-Identifier: MIT */
#include "bridge/identity.h"

#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "bridge/access.h"
#include "bridge/log.h"
#include "bridge/members.h"
#include "bridge/qmp.h"
#include "bridge/viewers.h"

struct identity {
	struct qmp *qmp;
	struct viewers *viewers;
	char name[256];
	uint8_t uuid[16];
	bool fixed_name, fixed_uuid, has_uuid;
	bool shown;
};

static const char *text_in(JsonNode *answer, const char *member)
{
	return answer && JSON_NODE_HOLDS_OBJECT(answer)
		? member_string(json_node_get_object(answer), member)
		: NULL;
}

static void tell(struct identity *identity)
{
	if (identity->shown) {
		viewers_set_name(identity->viewers, identity->name[0] ? identity->name : NULL,
			identity->has_uuid ? identity->uuid : NULL);
	}
}

/* QEMU without -name answers with an empty object. */
static void on_name(void *data, JsonNode *answer, const char *why)
{
	struct identity *identity = data;
	const char *name = text_in(answer, "name");

	if (name && access_name_is_good(name) && strcmp(identity->name, name) != 0) {
		snprintf(identity->name, sizeof(identity->name), "%s", name);
		log_info("the virtual machine is called %s", name);
		tell(identity);
	}
}

/* And without -uuid with zeros, which is what viewers are told where none is known. */
static void on_uuid(void *data, JsonNode *answer, const char *why)
{
	struct identity *identity = data;
	const char *text = text_in(answer, "UUID");

	if (text && access_parse_uuid(text, identity->uuid)) {
		identity->has_uuid = true;
		tell(identity);
	}
}

static void on_connected(void *data, bool connected)
{
	struct identity *identity = data;

	if (connected && !identity->fixed_name) {
		qmp_command(identity->qmp, "query-name", NULL, -1, on_name, identity);
	}
	if (connected && !identity->fixed_uuid) {
		qmp_command(identity->qmp, "query-uuid", NULL, -1, on_uuid, identity);
	}
}

static const struct qmp_events events = {
	.connected = on_connected,
};

struct identity *identity_create(struct qmp *qmp, struct viewers *viewers, const char *name,
	bool fixed_name, const uint8_t *uuid)
{
	struct identity *identity = g_new0(struct identity, 1);

	identity->qmp = qmp;
	identity->viewers = viewers;
	snprintf(identity->name, sizeof(identity->name), "%s", name ? name : "");
	identity->fixed_name = fixed_name;
	identity->fixed_uuid = uuid != NULL;
	if (uuid) {
		memcpy(identity->uuid, uuid, sizeof(identity->uuid));
		identity->has_uuid = true;
	}
	if (qmp) {
		qmp_add_events(qmp, &events, identity);
		if (qmp_is_connected(qmp)) {
			on_connected(identity, true);
		}
	}
	return identity;
}

void identity_show(struct identity *identity, bool shown)
{
	identity->shown = shown;
	tell(identity);
}

void identity_destroy(struct identity *identity)
{
	g_free(identity);
}
