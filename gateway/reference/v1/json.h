// SPDX-License-Identifier: Apache-2.0
// The payload as JSON.
#ifndef JSON_H
#define JSON_H

#include <jansson.h>
#include <stddef.h>

// json_parse returns the parsed payload, which the caller lets go with json_decref, or
// NULL with one line in error. Any JSON value counts, not only objects.
json_t *json_parse(const char *payload, size_t len, json_error_t *error);

#endif
