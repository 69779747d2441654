/* SPDX-License-Identifier: MIT */
#include "bridge/audio_offer.h"

#include "bridge/members.h"

bool audio_is_safe(JsonNode *answer)
{
	JsonObject *version;
	int64_t major, minor;

	if (!answer || !JSON_NODE_HOLDS_OBJECT(answer)) {
		return false;
	}
	version = member_object(json_node_get_object(answer), "qemu");
	if (!version) {
		return false;
	}
	major = member_int(version, "major", 0);
	minor = member_int(version, "minor", 0);
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
	type = member_string(options, "type");
	audiodev = member_string(options, "audiodev");
	return !g_strcmp0(type, "dbus") && audiodev && *audiodev &&
		member_bool(options, "p2p", false);
}
