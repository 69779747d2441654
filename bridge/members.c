/* SPDX-License-Identifier: MIT */
#include "bridge/members.h"

/* NULL unless it is a value of that type. */
static JsonNode *value(JsonObject *object, const char *name, GType type)
{
	JsonNode *node = json_object_get_member(object, name);

	if (!node || !JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != type) {
		return NULL;
	}
	return node;
}

JsonObject *member_object(JsonObject *object, const char *name)
{
	JsonNode *node = json_object_get_member(object, name);

	return node && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}

const char *member_string(JsonObject *object, const char *name)
{
	JsonNode *node = value(object, name, G_TYPE_STRING);

	return node ? json_node_get_string(node) : NULL;
}

int64_t member_int(JsonObject *object, const char *name, int64_t other)
{
	JsonNode *node = value(object, name, G_TYPE_INT64);

	return node ? json_node_get_int(node) : other;
}

bool member_bool(JsonObject *object, const char *name, bool other)
{
	JsonNode *node = value(object, name, G_TYPE_BOOLEAN);

	return node ? json_node_get_boolean(node) : other;
}
