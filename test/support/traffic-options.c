/* SPDX-License-Identifier: Apache-2.0 */
/* The command line. */
#include "traffic.h"
#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct options options = {
	.listen = "127.0.0.1",
	.connect = "127.0.0.1",
	.server_name = "server",
	.client_name = "client",
	.count = 1,
	.request = 100,
	.response = 200,
	.ports = 1,
	.spread = 1,
	.clients = 1,
	.threads = 1,
	.timeout_s = 60,
};

struct number {
	const char *name;
	size_t offset;
	unsigned long min, max;
};

#define NUMBER(name, field, min, max)                                                              \
	{                                                                                          \
		name, offsetof(struct options, field), min, max                                    \
	}

static const struct number numbers[] = {
	NUMBER("--count", count, 1, MAX_COUNT),
	NUMBER("--request", request, 0, 1u << 30),
	NUMBER("--response", response, 0, 1u << 30),
	NUMBER("--port", port, 0, 65535),
	NUMBER("--ports", ports, 1, MAX_PORTS),
	NUMBER("--spread", spread, 1, 60000),
	NUMBER("--clients", clients, 1, MAX_CLIENTS),
	NUMBER("--threads", threads, 1, MAX_THREADS),
	NUMBER("--workers", workers, 0, MAX_WORKERS),
	NUMBER("--steps", steps, 0, 10000),
	NUMBER("--every", every_ms, 0, 10000),
	NUMBER("--user-timeout", user_timeout_ms, 0, 60000),
	NUMBER("--local-port", local_port, 0, 65535),
	NUMBER("--timeout", timeout_s, 1, 600),
};

struct flag {
	const char *name;
	size_t offset;
};

static const struct flag flags[] = {
	{"--wait", offsetof(struct options, wait)},
	{"--sendfile", offsetof(struct options, sendfile)},
	{"--splice", offsetof(struct options, splice)},
	{"--peek", offsetof(struct options, peek)},
	{"--fastopen", offsetof(struct options, fastopen)},
};

static const struct {
	const char *name;
	enum close_mode mode;
} close_modes[] = {
	{"--client-closes", CLOSE_CLIENT},
	{"--server-closes", CLOSE_SERVER},
	{"--rst", CLOSE_RST},
	{"--rst-unread", CLOSE_RST_UNREAD},
	{"--half-close", CLOSE_HALF},
	{"--disconnect", CLOSE_DISCONNECT},
};

static const struct {
	const char *name;
	enum mode mode;
} modes[] = {
	{"churn", MODE_CHURN}, {"serve", MODE_SERVE},	  {"client", MODE_CLIENT},
	{"hold", MODE_HOLD},   {"refused", MODE_REFUSED}, {"abandoned", MODE_ABANDONED},
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* A C string: \xNN and \\ are escapes. */
static void parse_name(const char *option, const char *text, char name[16])
{
	size_t length = 0;

	while (*text) {
		unsigned char byte = (unsigned char)*text++;

		if (byte == '\\' && *text == 'x' && isxdigit(text[1]) && isxdigit(text[2])) {
			char digits[3] = {text[1], text[2], 0};

			byte = (unsigned char)strtoul(digits, NULL, 16);
			text += 3;
		} else if (byte == '\\' && *text == '\\') {
			text++;
		}
		if (length == 15 || byte == 0)
			die("%s: 1 to 15 bytes, none of them 0", option);
		name[length++] = (char)byte;
	}
	name[length] = 0;
}

static bool parse_number(const char *option, const char *text)
{
	for (size_t i = 0; i < COUNT_OF(numbers); i++) {
		unsigned long value;
		char *end;

		if (strcmp(option, numbers[i].name))
			continue;
		value = strtoul(text, &end, 10);
		if (*end || end == text || value < numbers[i].min || value > numbers[i].max)
			die("%s %s: must be %lu to %lu", option, text, numbers[i].min,
			    numbers[i].max);
		*(unsigned *)((char *)&options + numbers[i].offset) = (unsigned)value;
		return true;
	}
	return false;
}

static bool parse_flag(const char *option)
{
	for (size_t i = 0; i < COUNT_OF(flags); i++) {
		if (strcmp(option, flags[i].name) == 0) {
			*((bool *)&options + flags[i].offset) = true;
			return true;
		}
	}
	for (size_t i = 0; i < COUNT_OF(close_modes); i++) {
		if (strcmp(option, close_modes[i].name) == 0) {
			options.close = close_modes[i].mode;
			return true;
		}
	}
	return false;
}

static void parse_value(const char *option, const char *value)
{
	if (strcmp(option, "--listen") == 0)
		options.listen = value;
	else if (strcmp(option, "--connect") == 0)
		options.connect = value;
	else if (strcmp(option, "--server-name") == 0)
		parse_name(option, value, options.server_name);
	else if (strcmp(option, "--client-name") == 0)
		parse_name(option, value, options.client_name);
	else if (!parse_number(option, value))
		die("%s: no such option", option);
}

void parse_options(int argc, char **argv)
{
	bool known = false;

	for (size_t i = 0; argc > 1 && i < COUNT_OF(modes); i++) {
		if (strcmp(argv[1], modes[i].name) == 0) {
			options.mode = modes[i].mode;
			known = true;
		}
	}
	if (!known)
		die("first word: churn, serve, client, hold, refused or abandoned");
	for (int i = 2; i < argc; i++) {
		if (parse_flag(argv[i]))
			continue;
		if (i + 1 == argc)
			die("%s: needs a value, or there is no such option", argv[i]);
		parse_value(argv[i], argv[i + 1]);
		i++;
	}
	if (options.mode == MODE_HOLD && options.count > MAX_HELD)
		die("--count: at most %d are held", MAX_HELD);
	if (options.splice && options.threads > 1)
		die("--splice: threads would share one pipe");
}
