/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The contract between the kernel side and user space: every key, value and
 * number that both know. src/maps/ holds a codec for each struct; a test, the
 * build and the opening of each map compare the two.
 *
 * Fixed-width integers and arrays of them only, largest first, padding named and
 * zeroed. Integers are in host byte order. Addresses are 16 bytes in network
 * byte order, IPv4 as IPv4-mapped IPv6 (::ffff:a.b.c.d).
 */
#ifndef CONNTRACER_H
#define CONNTRACER_H

#include "kernel.h"

/* Which parts of a flow_key are filled in; the others are zero, and so add up. */
enum flow_key_part {
	KEY_PROCESS = 1, /* comm, cgroup_id, cgroup_v1 */
	KEY_PORTS = 2,	 /* the ephemeral port as well */
	KEY_PID = 4,
	KEY_UID = 8,
};

enum direction {
	DIRECTION_UNKNOWN = 0,
	DIRECTION_ACTIVE = 1,  /* this side sent the SYN */
	DIRECTION_PASSIVE = 2, /* this side listened */
};

/* How the process of a connection is known. */
enum attribution {
	ATTRIBUTION_NONE = 0,
	ATTRIBUTION_TASK = 1,	  /* it made the call */
	ATTRIBUTION_LISTENER = 2, /* it owns the listening socket */
	ATTRIBUTION_SCAN = 3,	  /* it was found holding the socket */
};

enum event_type {
	EVENT_CONNECT = 1,
	EVENT_CONNECT_FAILED = 2,
	EVENT_ACCEPT = 3,
	EVENT_CLOSE = 4,
	EVENT_LISTEN = 5,
	EVENT_UNLISTEN = 6,
	EVENT_RETRANSMIT = 7,
	EVENT_RESET_SENT = 8,
	EVENT_RESET_RECEIVED = 9,
	EVENT_SHOWN = 10, /* none that happens: open connections are shown when user space asks */
};

enum close_reason {
	CLOSE_UNKNOWN = 0,
	CLOSE_LOCAL = 1,  /* this side sent the first FIN */
	CLOSE_REMOTE = 2, /* the other side did */
	CLOSE_RESET_SENT = 3,
	CLOSE_RESET_RECEIVED = 4,
	CLOSE_TIMEOUT = 5,
};

enum conn_phase {
	PHASE_PENDING = 0, /* the handshake runs */
	PHASE_OPEN = 1,
	PHASE_CLOSED = 2,     /* TCP is done; the program may still read what has arrived */
	PHASE_UNACCEPTED = 3, /* open, but in no flow until accept() says whose it is */
};

enum slot_state {
	SLOT_UNUSED = 0, /* never used so far */
	SLOT_LIVE = 1,	 /* belongs to a flow */
	SLOT_FREED = 2,	 /* zeroed; in free_slots, or on the way there */
};

/* flows[0] adds up what found no slot of its own. */
enum slot {
	SLOT_OVERFLOW = 0,
};

/*
 * One flow. service = addresses, listening port, direction, transport, netns;
 * process adds comm and cgroup_id; connection adds the ephemeral port.
 */
struct flow_key {
	__u64 cgroup_id;  /* cgroup v2 id */
	__u32 netns;	  /* inode number of the network namespace */
	__u32 pid;	  /* as in struct owner */
	__u32 uid;	  /* 2^32 - 1, which is nobody's: not known */
	__u32 cgroup_v1;  /* as in struct owner */
	__u16 local_port; /* 0 where it is ephemeral and KEY_PORTS is off */
	__u16 remote_port;
	__u8 l4_proto;	/* IPPROTO_* */
	__u8 direction; /* enum direction */
	__u8 pad[2];
	__u8 comm[16]; /* of the thread group leader; zero padded */
	__u8 local_address[16];
	__u8 remote_address[16];
};

/*
 * A slot of the flow table. Totals only grow, so user space takes the
 * difference of two readings, and nothing is counted twice or lost between.
 */
struct flow {
	__u64 adopted; /* connections that were open before the start */
	__u64 opened;  /* handshakes completed */
	__u64 failed;  /* attempts that never became established */
	__u64 closed;
	__u64 bytes_sent;     /* accepted from the program */
	__u64 bytes_received; /* taken by the program */
	__u64 segments_retransmitted;
	__u64 rtt_sum_us; /* smoothed RTTs, added up over rtt_samples */
	__u64 rtt_samples;
	__u64 references; /* entries of conns that point here */
	__u64 uncounted;  /* connections whose bytes no field has: of a sockmap */
	struct flow_key key;
	__u32 last_pid;
	__u32 last_uid;	    /* 2^32 - 1: not known */
	__u32 state;	    /* enum slot_state */
	__u32 last_started; /* of last_pid, as in struct owner */
};

/* Who a socket belongs to, taken in the caller's own context. */
struct owner {
	__u64 cgroup_id;
	__u32 pid; /* thread group id in the pid namespace of user space; 0: it has none there */
	__u32 tid; /* likewise */
	__u32 uid;
	__u32 attribution; /* enum attribution */
	__u32 image;	   /* of struct image; 0: not known */
	__u32 started;	   /* the process; in ticks, as in /proc/PID/stat, the low 32 bits */
	__u32 cgroup_v1;   /* low 32 bits of the id in the hierarchy of struct host; 0: none */
	__u32 pad;
	__u8 comm[16];
};

struct listening_port {
	__u32 netns;
	__u16 port;
	__u16 pad;
};

/* What the fold alone writes, where there is no compare-and-swap; as `folded` of struct conn. */
struct fold {
	__u64 added[3];
	__u64 intended[3];
};

/*
 * A live TCP connection. `folded` holds what has been added to its flow so far:
 * the low 48 bits are the count, the high 16 the tag of this entry's life, which
 * tells when the entry was freed and used anew.
 */
struct conn {
	/* All that the fold reads of an idle connection, in one cache line or two. */
	__u32 seen_write_seq; /* as the last fold found them */
	__u32 seen_copied_seq;
	__u32 seen_segs_out;
	__u32 doubted_at;     /* its socket was not its own any more, as of then; 0: it is */
	__u8 phase;	      /* enum conn_phase */
	__u8 idle_looks;      /* of the fold, since it has moved: IDLE_LOOKS at most */
	__u8 direction;	      /* enum direction */
	__u8 close_reason;    /* enum close_reason */
	__u32 slot;	      /* index into flows, from PHASE_OPEN on */
	__u64 opened_ns;      /* CLOCK_MONOTONIC; 0: before the start */
	__u64 established_ns; /* 0: not yet, or before the start */
	__u64 id;	      /* 0 where no events are asked for */
	__u64 folded[3];      /* bytes sent, received; segments retransmitted */
	struct owner owner;
	__u32 netns;
	__u32 sent_base;	      /* sequence number of the first payload byte sent */
	__u32 received_base;	      /* ... and received */
	__u32 seen_retransmitted;     /* by an event */
	__u32 error;		      /* errno, from PHASE_CLOSED on; 0: none */
	__u32 data_segments_at_close; /* that had come when the program closed it; 0: it has not */
	__u8 l4_proto;		      /* IPPROTO_* */
	__u8 is_uncounted;	      /* as in struct flow */
	__u8 pad[6];
#ifdef WITHOUT_FETCH
	struct fold fold;
#endif
};

enum { IDLE_LOOKS = 8 }; /* of the fold: then a connection is idle */

/* What user space and programs tell each other, in memory that both have mapped. */
struct shared {
	__u32 is_preemptible;  /* tasks can be preempted in a tracepoint */
	__u32 keeps_awake;     /* connections that are not idle are put into `awake` */
	__u32 is_awake_full;   /* one of them found no room there */
	__u32 walked;	       /* entries of conns, by the fold */
	__u32 shown_mask;      /* which bits of the hash of a connection tell its part */
	__u32 shown_part;      /* what they are in the part that is shown */
	__u32 shown_rows;      /* rows of `shown` that are written */
	__u32 is_shown_full;   /* there were more */
	__u32 endings;	       /* entries of `endings` */
	__u32 netns;	       /* entries that netns_counters was given so far */
	__u32 listens;	       /* sockets that have begun to listen */
	__u32 stale_listeners; /* listening sockets whose process is gone, or is init */
};

/* What stands for a connection in UDP: a socket, a program that uses it, and a peer. */
struct udp_key {
	__u64 cookie; /* of the socket: never given twice */
	__u32 pid;    /* thread group id in the first pid namespace, so that all differ */
	__u16 remote_port;
	__u16 pad;
	__u8 remote_address[16]; /* zero: not known */
};

struct udp_conn {
	__u64 last_ns;	   /* CLOCK_MONOTONIC, of the last datagram */
	__u32 slot;	   /* index into flows */
	__u8 sent;	   /* at least one datagram */
	__u8 received;	   /* likewise */
	__u8 socket_known; /* its socket is in udp_sockets until it is closed */
	__u8 pad;
};

/* The peer of the call that a thread is in. */
struct udp_call {
	__u64 cookie;  /* of the socket; 0: nothing is noted */
	__u64 message; /* struct msghdr *, for a kprobe to look at when the call is over; 0: none */
	__u8 remote_address[16];
	__u16 remote_port;
	__u16 pad;
	__u32 bytes; /* where the result does not say them */
};

#define BYTES_UNKNOWN (~0ULL)

/* One record of the ring buffer. */
struct event {
	__u64 time_ns;	      /* CLOCK_MONOTONIC, as all times */
	__u64 id;	      /* of the connection, or of the listening socket */
	__u64 opened_ns;      /* SYN sent, or handshake done; 0: not known */
	__u64 established_ns; /* 0: never, or not known */
	__u64 cgroup_id;
	__u64 bytes_sent; /* payload, as in struct flow, or BYTES_UNKNOWN; so is the next */
	__u64 bytes_received;
	__u32 pid; /* as in struct owner, as are the next three */
	__u32 tid;
	__u32 uid;
	__u32 cgroup_v1;
	__u32 netns;
	__u32 segments_sent;
	__u32 segments_received;
	__u32 segments_retransmitted;
	__u32 rtt_us; /* 0: never measured; so are the next two */
	__u32 rtt_var_us;
	__u32 rtt_min_us;
	__u32 error; /* errno; 0: none */
	__u16 cpu;
	__u16 local_port;
	__u16 remote_port;
	__u8 type;	   /* enum event_type */
	__u8 direction;	   /* enum direction */
	__u8 attribution;  /* enum attribution */
	__u8 close_reason; /* enum close_reason */
	__u8 state;	   /* TCP_* of the kernel, as it is now */
	__u8 preexisting;  /* it was there before the start */
	__u32 image;	   /* of struct image; 0: not known */
	__u8 comm[16];
	__u8 local_address[16];
	__u8 remote_address[16];
};

/*
 * Another record of the ring buffer, sent before the first event that names it: what a
 * process executes, from one exec to the next. Sent as far as the path goes.
 */
struct image {
	__u64 no_time;	  /* 0, where an event has its time */
	__u64 started_ns; /* of the process; CLOCK_BOOTTIME */
	__u32 id;
	__u32 pid;    /* as in struct owner */
	__u32 length; /* of path; 0: it is too long */
	__u32 writer; /* a thread; the kernel side's own */
	__u8 is_deleted;
	__u8 pad[7];
	__u8 path[4352]; /* each component, from the last to the first, with a zero behind it */
};

/*
 * A socket as `list` finds it: of each file of it that a program holds, and of itself.
 * Files lead to an MPTCP socket, and not to the TCP sockets that it is made of: it has
 * a record of each file, and nothing in it but who holds it.
 */
struct socket_info {
	__u64 sock;	  /* its address: to tell sockets apart, never to be shown */
	__u64 mptcp_sock; /* the MPTCP socket that it belongs to, or is; 0: none */
	__u64 bytes_sent; /* payload, as in struct flow, or BYTES_UNKNOWN; UDP has no counters */
	__u64 bytes_received;
	struct owner owner; /* zero where this is not of a file */
	__u32 fd;
	__u32 netns;
	__u32 segments_sent;
	__u32 segments_received;
	__u32 segments_retransmitted;
	__u32 rtt_us; /* 0: never measured; so are the next two */
	__u32 rtt_var_us;
	__u32 rtt_min_us;
	__u16 local_port;
	__u16 remote_port;
	__u8 l4_proto;	/* IPPROTO_TCP, IPPROTO_UDP */
	__u8 state;	/* TCP_* of the kernel */
	__u8 direction; /* enum direction */
	__u8 has_file;	/* so there is a program that holds it */
	__u8 local_address[16];
	__u8 remote_address[16];
};

/* What `list` looks for. Set before the object is loaded. */
struct list_settings {
	__u8 tcp;
	__u8 udp;
	__u8 without_peer; /* sockets that listen, and that are bound only */
};

/*
 * What a look at the files of programs finds: who listens, and who holds a connection of which only
 * the listener is known. One record for each file.
 */
struct holder {
	__u64 id; /* of the connection; 0: a listening socket */
	struct owner owner;
	__u32 netns;	    /* of a listening socket, as is what follows */
	__u32 listener_pid; /* as its connections have it */
	__u16 port;
	__u8 pad[6];
};

/* One direction of a flow of conntrack. */
struct flow_tuple {
	__u8 source[16];
	__u8 destination[16];
	__u16 source_port;	/* of ICMP: its id */
	__u16 destination_port; /* of ICMP: type << 8 | code */
};

/* A flow of conntrack has begun, or is over. */
struct flow_event {
	__u64 entry; /* address of the kernel's: tells flows apart of the same ends; not to be shown
		      */
	__u64 time_ns;	  /* CLOCK_MONOTONIC */
	__u64 started_ns; /* since 1970; 0: the kernel does not keep it */
	__u64 packets_original;
	__u64 bytes_original;
	__u64 packets_reply;
	__u64 bytes_reply;
	struct flow_tuple original;
	struct flow_tuple reply; /* as answers look: not the reverse where there is NAT */
	__u32 netns;
	__u32 mark;
	__u32 status; /* enum ip_conntrack_status */
	__u16 zone;
	__u8 l4_proto;
	__u8 is_over;
	__u8 is_counted; /* 0: so the four above mean nothing */
	__u8 pad[7];
};

struct flow_event_losses {
	__u64 dropped; /* flow events that found no room; only grows */
};

/* Controllers of cgroup v1, each with a hierarchy of its own. */
enum v1_controller {
	V1_NONE = 0,
	V1_MEMORY = 1,
	V1_PIDS = 2,
	V1_CPU = 3,
	V1_DEVICES = 4,
	V1_FREEZER = 5,
	V1_CPUSET = 6,
	V1_BLKIO = 7,
};

/* The machine, and where user space is on it. Set before the object is loaded. */
struct host {
	__u32 pid_namespace; /* inode number of that of user space; 0: it is the first one */
	__u32 v1_controller; /* enum v1_controller: whose hierarchy tells containers apart */
	__u32 own_pid;	     /* of user space, in its pid namespace */
};

/* Set before the object is loaded. */
struct settings {
	__u64 udp_timeout_ns;	     /* without a datagram, and a UDP connection is over */
	__u64 udp_stream_timeout_ns; /* the same, once both sides have spoken */
	__u32 flow_key_parts;	     /* enum flow_key_part, or-ed together */
	__u32 event_types;   /* 1 << enum event_type, or-ed together; 0: flows instead of events */
	__u32 accept_hooked; /* a program runs in accept() */
	__u32 never;	     /* 0, which no compiler knows */
};

enum filter_bound {
	FILTER_VALUES = 16,	  /* of one kind; more are left to user space */
	FILTER_PORT_BYTES = 8192, /* a bit for each port */
};

/* Which sets of ports of a filter mean something. */
enum filter_ports {
	FILTER_LOCAL = 1,
	FILTER_REMOTE = 2,
	FILTER_EITHER = 4,
};

/*
 * Which connections are wanted, as far as the kernel side decides it; set before the object is
 * loaded. All zero: all of them. A port's bit is bit (port & 7) of byte (port >> 3); port 0
 * stands for one that is not known.
 */
struct filter {
	__u64 cgroup_ids[FILTER_VALUES];
	__u32 pids[FILTER_VALUES];
	__u32 uids[FILTER_VALUES];
	__u32 netns[FILTER_VALUES];
	__u32 cgroup_id_count; /* 0: any; so are the other counts */
	__u32 pid_count;
	__u32 uid_count;
	__u32 netns_count;
	__u8 is_set; /* 0: all that follows and precedes is zero */
	__u8 ports;  /* enum filter_ports, or-ed together */
	__u8 family; /* AF_INET or AF_INET6; 0: either */
	__u8 l4_proto;
	__u8 direction; /* enum direction */
	__u8 pad[3];
	__u8 local_ports[FILTER_PORT_BYTES];
	__u8 remote_ports[FILTER_PORT_BYTES];
	__u8 either_ports[FILTER_PORT_BYTES];	/* one of the two ends must be among these, */
	__u8 excluded_ports[FILTER_PORT_BYTES]; /* and none of them among these */
};

/* A network namespace. Inode numbers are given again as soon as they are free. */
struct netns_id {
	__u64 cookie; /* as SO_NETNS_COOKIE gives it; 0 before 5.14 */
	__u32 inode;
	__u32 pad;
};

/*
 * What was recorded of each network namespace, in the terms of RFC 2012 and
 * /proc/net/snmp. The kernel counts a moment before, or after.
 */
struct netns_counts {
	__u64 active_opens;
	__u64 passive_opens;
	__u64 attempt_fails;
	__u64 estab_resets;
};

/* How full a map is, by its id. */
struct map_count {
	__u64 entries; /* 0 of kinds that the kernel does not count */
	__u32 id;
	__u32 pad;
};

/* What could not be recorded, and how much of it. Only grows. */
struct losses {
	__u64 connections_active; /* conns was full */
	__u64 connections_passive;
	__u64 connections_adopted;
	__u64 listeners;  /* listeners was full: their connections have no process */
	__u64 netns;	  /* netns_counts was full: opens that are not in the proof */
	__u64 events;	  /* the ring buffer was full */
	__u64 datagrams;  /* udp_conns was full */
	__u64 ends;	  /* no hook saw them */
	__u64 unreturned; /* calls whose return the kernel did not tell of */
	__u64 caught_up;  /* no loss: runs that the kernel skipped, and a later gate made up for */
};

#endif
