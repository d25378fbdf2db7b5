// SPDX-License-Identifier: Apache-2.0
#include "json.h"

#include <string.h>

#include "number.h"
#include "text.h"

enum { DEPTH_MAX = 2048 };

// A parser walks the text once. Which of the open containers are objects is a bit each.
struct parser {
	const unsigned char *at, *end;
	unsigned int depth; // open containers
	uint64_t objects[DEPTH_MAX / 64];
	struct json_member *member; // NULL: none is looked for
	bool matched;		    // the value to come is the member's
};

static void skip_space(struct parser *p)
{
	while (p->at < p->end &&
	       (*p->at == ' ' || *p->at == '\t' || *p->at == '\n' || *p->at == '\r'))
		p->at++;
}

static bool take(struct parser *p, unsigned char c)
{
	if (p->at == p->end || *p->at != c)
		return false;
	p->at++;
	return true;
}

static bool literal(struct parser *p, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(p->end - p->at) < n || memcmp(p->at, word, n) != 0)
		return false;
	p->at += n;
	// A word that runs on is another word.
	return p->at == p->end ||
	       !((*p->at >= 'a' && *p->at <= 'z') || (*p->at >= 'A' && *p->at <= 'Z'));
}

static bool in_object(const struct parser *p)
{
	unsigned int top = p->depth - 1;

	return p->objects[top / 64] >> (top % 64) & 1;
}

static bool open_container(struct parser *p, bool object)
{
	if (p->depth == DEPTH_MAX)
		return false;
	if (object)
		p->objects[p->depth / 64] |= UINT64_C(1) << (p->depth % 64);
	else
		p->objects[p->depth / 64] &= ~(UINT64_C(1) << (p->depth % 64));
	p->depth++;
	return true;
}

// key takes a name and its colon.
static bool key(struct parser *p)
{
	const char *name = p->member && p->depth == 1 ? p->member->name : NULL;
	bool matched;

	if (p->at == p->end || *p->at != '"' ||
	    !json_string(&p->at, p->end, name, false, &matched))
		return false;
	p->matched = matched;
	skip_space(p);
	return take(p, ':');
}

// scalar takes a value that is no container.
static bool scalar(struct parser *p, struct json_member *member)
{
	bool unused;

	switch (*p->at) {
	case '"':
		return json_string(&p->at, p->end, NULL, true, &unused);
	case 't':
		return literal(p, "true");
	case 'f':
		return literal(p, "false");
	case 'n':
		return literal(p, "null");
	default:
		return json_number(&p->at, p->end, &member->integer, &member->value);
	}
}

// value takes a scalar, or the opening of a container; *opened says which.
static bool value(struct parser *p, bool *opened)
{
	struct json_member unused = {0};
	struct json_member *member = &unused;

	*opened = false;
	skip_space(p);
	if (p->at == p->end || p->depth == DEPTH_MAX)
		return false;
	if (p->matched) {
		member = p->member;
		member->found = true;
		member->integer = false;
		p->matched = false;
	}
	if (*p->at != '{' && *p->at != '[')
		return scalar(p, member);
	*opened = true;
	return open_container(p, *p->at++ == '{');
}

// close_containers takes what may follow a whole value inside containers. *more says that
// another value has to come.
static bool close_containers(struct parser *p, bool *more)
{
	*more = false;
	while (p->depth > 0) {
		skip_space(p);
		if (take(p, ',')) {
			*more = true;
			skip_space(p);
			return !in_object(p) || key(p);
		}
		if (!take(p, in_object(p) ? '}' : ']'))
			return false;
		p->depth--;
	}
	return true;
}

// enter takes what may follow an opening: the end of the container, or its first name.
static bool enter(struct parser *p, bool *closed)
{
	skip_space(p);
	*closed = take(p, in_object(p) ? '}' : ']');
	if (*closed) {
		p->depth--;
		return true;
	}
	return !in_object(p) || key(p);
}

__attribute__((noinline)) bool json_parse(const char *payload, size_t len,
					  struct json_member *member)
{
	struct parser p;
	bool more = true;

	p.at = (const unsigned char *)payload;
	p.end = p.at + len;
	p.depth = 0;
	p.member = member;
	p.matched = false;
	while (more) {
		bool opened, closed = true;

		if (!value(&p, &opened))
			return false;
		if (opened && !enter(&p, &closed))
			return false;
		if (closed && !close_containers(&p, &more))
			return false;
	}
	skip_space(&p);
	return p.at == p.end;
}
