/* SPDX-License-Identifier: MIT */
#include "bridge/audio_offer.h"

bool audio_is_safe(JsonNode *answer)
{
	JsonObject *version;
	JsonNode *member;
	gint64 major, minor;

	if (!answer || !JSON_NODE_HOLDS_OBJECT(answer)) {
		return false;
	}
	member = json_object_get_member(json_node_get_object(answer), "qemu");
	if (!member || !JSON_NODE_HOLDS_OBJECT(member)) {
		return false;
	}
	version = json_node_get_object(member);
	major = json_object_get_int_member_with_default(version, "major", 0);
	minor = json_object_get_int_member_with_default(version, "minor", 0);
	return major > 8 || (major == 8 && minor >= 1);
}

bool audio_is_offered(JsonNode *answer)
{
	JsonObject *options;
	const char *type, *audiodev;

	if (!answer || !JSON_NODE_HOLDS_OBJECT(answer)) {
		return false;
	}
	options = json_node_get_object(answer);
	/* NULL for what is no string. */
	type = json_object_get_string_member_with_default(options, "type", "");
	audiodev = json_object_get_string_member_with_default(options, "audiodev", "");
	return !g_strcmp0(type, "dbus") && audiodev && *audiodev &&
		json_object_get_boolean_member_with_default(options, "p2p", FALSE);
}
