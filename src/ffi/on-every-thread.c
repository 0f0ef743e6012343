/*
 * Gives up all capabilities of the thread that it runs in. In C, as JavaScript has no way into
 * threads other than its own: see docs/adr/0013. Needs no headers, and runs with any libc.
 */

#define SIGSYS 31
#define SA_ONSTACK 0x08000000
#define SA_RESTART 0x10000000
#define PR_SET_NO_NEW_PRIVS 38
#define CAPABILITY_VERSION_3 0x20080522

/* The same in glibc and in musl, on 64 bits. */
struct sigaction {
	void (*handler)(int);
	unsigned long mask[16];
	int flags;
	void (*restorer)(void);
};

extern int sigaction(int number, const struct sigaction *action, struct sigaction *previous);
extern int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d);
extern int capset(unsigned int *header, const unsigned int *sets);
extern int *__errno_location(void);

static struct sigaction previous;

static void give_up(int number)
{
	unsigned int header[2] = {CAPABILITY_VERSION_3, 0};
	unsigned int none[6] = {0, 0, 0, 0, 0, 0};
	int *error = __errno_location();
	int saved = *error;

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	capset(header, none);
	*error = saved;
}

int begin(void)
{
	struct sigaction action = {give_up, {0}, SA_ONSTACK | SA_RESTART, 0};

	return sigaction(SIGSYS, &action, &previous);
}

int end(void)
{
	return sigaction(SIGSYS, &previous, 0);
}
