// SPDX-License-Identifier: Apache-2.0
#include "json.h"

__attribute__((noinline)) json_t *json_parse(const char *payload, size_t len,
					     json_error_t *error)
{
	return json_loadb(payload, len, JSON_DECODE_ANY | JSON_ALLOW_NUL, error);
}
