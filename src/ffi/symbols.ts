/** libbpf, as far as it is called: each line is a declaration of libbpf.h or bpf.h (libbpf 1.0). */

import type { FFIFunction } from "bun:ffi";

type Table = Readonly<Record<string, FFIFunction>>;

/** Numbers are checked against their C types before each call: bun:ffi wraps what does not fit. */
export const LIBBPF_SYMBOLS = {
	// __u32 libbpf_major_version(void), libbpf_minor_version(void)
	libbpf_major_version: { args: [], returns: "u32" },
	libbpf_minor_version: { args: [], returns: "u32" },
	// libbpf_print_fn_t libbpf_set_print(libbpf_print_fn_t fn)
	libbpf_set_print: { args: ["ptr"], returns: "ptr" },
	// long libbpf_get_error(const void *ptr): -errno of the call that just returned NULL
	libbpf_get_error: { args: ["ptr"], returns: "i64" },

	// struct bpf_object *bpf_object__open_mem(const void *buf, size_t size, const struct bpf_object_open_opts *opts)
	bpf_object__open_mem: { args: ["ptr", "usize", "ptr"], returns: "ptr" },
	// int bpf_object__load(struct bpf_object *obj)
	bpf_object__load: { args: ["ptr"], returns: "i32" },
	// void bpf_object__close(struct bpf_object *obj)
	bpf_object__close: { args: ["ptr"], returns: "void" },
	// struct bpf_map *bpf_object__find_map_by_name(const struct bpf_object *obj, const char *name)
	bpf_object__find_map_by_name: { args: ["ptr", "ptr"], returns: "ptr" },
	// struct bpf_map *bpf_object__next_map(const struct bpf_object *obj, const struct bpf_map *map)
	bpf_object__next_map: { args: ["ptr", "ptr"], returns: "ptr" },
	// struct bpf_program *bpf_object__find_program_by_name(const struct bpf_object *obj, const char *name)
	bpf_object__find_program_by_name: { args: ["ptr", "ptr"], returns: "ptr" },

	// int bpf_map__fd(const struct bpf_map *map)
	bpf_map__fd: { args: ["ptr"], returns: "i32" },
	// const char *bpf_map__name(const struct bpf_map *map)
	bpf_map__name: { args: ["ptr"], returns: "cstring" },
	// __u32 bpf_map__key_size, bpf_map__value_size, bpf_map__max_entries(const struct bpf_map *map)
	bpf_map__key_size: { args: ["ptr"], returns: "u32" },
	bpf_map__value_size: { args: ["ptr"], returns: "u32" },
	bpf_map__max_entries: { args: ["ptr"], returns: "u32" },
	// int bpf_map__set_max_entries(struct bpf_map *map, __u32 max_entries)
	bpf_map__set_max_entries: { args: ["ptr", "u32"], returns: "i32" },
	// int bpf_map__set_initial_value(struct bpf_map *map, const void *data, size_t size)
	bpf_map__set_initial_value: { args: ["ptr", "ptr", "usize"], returns: "i32" },

	// int bpf_program__fd(const struct bpf_program *prog)
	bpf_program__fd: { args: ["ptr"], returns: "i32" },
	// struct bpf_link *bpf_program__attach(const struct bpf_program *prog)
	bpf_program__attach: { args: ["ptr"], returns: "ptr" },
	// int bpf_program__set_autoload(struct bpf_program *prog, bool autoload)
	bpf_program__set_autoload: { args: ["ptr", "bool"], returns: "i32" },
	// struct bpf_link *bpf_program__attach_trace(const struct bpf_program *prog)
	bpf_program__attach_trace: { args: ["ptr"], returns: "ptr" },
	// enum bpf_prog_type bpf_program__type(const struct bpf_program *prog)
	bpf_program__type: { args: ["ptr"], returns: "i32" },
	// int bpf_program__set_type(struct bpf_program *prog, enum bpf_prog_type type)
	bpf_program__set_type: { args: ["ptr", "i32"], returns: "i32" },
	// const char *bpf_program__section_name(const struct bpf_program *prog)
	bpf_program__section_name: { args: ["ptr"], returns: "cstring" },
	// int libbpf_register_prog_handler(const char *sec, enum bpf_prog_type prog_type, enum bpf_attach_type exp_attach_type, const struct libbpf_prog_handler_opts *opts)
	libbpf_register_prog_handler: { args: ["ptr", "i32", "i32", "ptr"], returns: "i32" },
	// int libbpf_unregister_prog_handler(int handler_id)
	libbpf_unregister_prog_handler: { args: ["i32"], returns: "i32" },
	// struct btf *btf__parse(const char *path, struct btf_ext **btf_ext)
	btf__parse: { args: ["ptr", "ptr"], returns: "ptr" },
	// __s32 btf__find_by_name_kind(const struct btf *btf, const char *type_name, __u32 kind)
	btf__find_by_name_kind: { args: ["ptr", "ptr", "u32"], returns: "i32" },
	// void btf__free(struct btf *btf)
	btf__free: { args: ["ptr"], returns: "void" },
	// struct bpf_link *bpf_program__attach_cgroup(const struct bpf_program *prog, int cgroup_fd)
	bpf_program__attach_cgroup: { args: ["ptr", "i32"], returns: "ptr" },
	// struct bpf_link *bpf_program__attach_iter(const struct bpf_program *prog, const struct bpf_iter_attach_opts *opts)
	bpf_program__attach_iter: { args: ["ptr", "ptr"], returns: "ptr" },
	// int bpf_link__fd(const struct bpf_link *link)
	bpf_link__fd: { args: ["ptr"], returns: "i32" },
	// int bpf_link__destroy(struct bpf_link *link)
	bpf_link__destroy: { args: ["ptr"], returns: "i32" },
	// int bpf_iter_create(int link_fd)
	bpf_iter_create: { args: ["i32"], returns: "i32" },

	// int bpf_map_lookup_elem(int fd, const void *key, void *value)
	bpf_map_lookup_elem: { args: ["i32", "ptr", "ptr"], returns: "i32" },
	// int bpf_map_update_elem(int fd, const void *key, const void *value, __u64 flags)
	bpf_map_update_elem: { args: ["i32", "ptr", "ptr", "u64"], returns: "i32" },
	// int bpf_map_get_next_key(int fd, const void *key, void *next_key)
	bpf_map_get_next_key: { args: ["i32", "ptr", "ptr"], returns: "i32" },
	// int bpf_map_delete_batch(int fd, const void *keys, __u32 *count, const struct bpf_map_batch_opts *opts)
	bpf_map_delete_batch: { args: ["i32", "ptr", "ptr", "ptr"], returns: "i32" },
	// int bpf_obj_get_info_by_fd(int bpf_fd, void *info, __u32 *info_len)
	bpf_obj_get_info_by_fd: { args: ["i32", "ptr", "ptr"], returns: "i32" },
	// int bpf_prog_load(enum bpf_prog_type prog_type, const char *prog_name, const char *license, const struct bpf_insn *insns, size_t insn_cnt, struct bpf_prog_load_opts *opts)
	bpf_prog_load: { args: ["i32", "ptr", "ptr", "ptr", "usize", "ptr"], returns: "i32" },
	// int bpf_prog_test_run_opts(int prog_fd, struct bpf_test_run_opts *opts)
	bpf_prog_test_run_opts: { args: ["i32", "ptr"], returns: "i32" },
	// int bpf_enable_stats(enum bpf_stats_type type)
	bpf_enable_stats: { args: ["i32"], returns: "i32" },
} as const satisfies Table;

const CLOCK = {
	// int clock_gettime(clockid_t clockid, struct timespec *tp)
	clock_gettime: { args: ["i32", "ptr"], returns: "i32" },
} as const satisfies Table;

/** What finds the functions that a preloaded library has in place of libc's; in libc since glibc 2.34. */
export const LOOKUP_SYMBOLS = {
	// void *dlsym(void *handle, const char *symbol)
	dlsym: { args: ["usize", "ptr"], returns: "usize" },
} as const satisfies Table;

/** libc. */
export const LIBC_SYMBOLS = {
	// int *__errno_location(void)
	__errno_location: { args: [], returns: "ptr" },
	// int vsnprintf(char *str, size_t size, const char *format, va_list ap): a va_list travels as a pointer
	vsnprintf: { args: ["ptr", "usize", "ptr", "ptr"], returns: "i32" },
	// void *mmap(void *addr, size_t length, int prot, int flags, int fd, off_t offset)
	mmap: { args: ["ptr", "usize", "i32", "i32", "i32", "i64"], returns: "ptr" },
	// int munmap(void *addr, size_t length)
	munmap: { args: ["ptr", "usize"], returns: "i32" },
	// ssize_t read(int fd, void *buf, size_t count)
	read: { args: ["i32", "ptr", "usize"], returns: "i64" },
	// int close(int fd)
	close: { args: ["i32"], returns: "i32" },
	// int flock(int fd, int operation)
	flock: { args: ["i32", "i32"], returns: "i32" },
	// int setns(int fd, int nstype)
	setns: { args: ["i32", "i32"], returns: "i32" },
	// int memfd_create(const char *name, unsigned int flags)
	memfd_create: { args: ["ptr", "u32"], returns: "i32" },
	// int socket(int domain, int type, int protocol)
	socket: { args: ["i32", "i32", "i32"], returns: "i32" },
	// int getsockopt(int sockfd, int level, int optname, void *optval, socklen_t *optlen)
	getsockopt: { args: ["i32", "i32", "i32", "ptr", "ptr"], returns: "i32" },
	// int setsockopt(int sockfd, int level, int optname, const void *optval, socklen_t optlen)
	setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
	// int bind(int sockfd, const struct sockaddr *addr, socklen_t addrlen)
	bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
	// ssize_t send(int sockfd, const void *buf, size_t len, int flags)
	send: { args: ["i32", "ptr", "usize", "i32"], returns: "i64" },
	// ssize_t sendto(int sockfd, const void *buf, size_t len, int flags, const struct sockaddr *dest_addr, socklen_t addrlen)
	sendto: { args: ["i32", "ptr", "usize", "i32", "ptr", "u32"], returns: "i64" },
	// ssize_t recv(int sockfd, void *buf, size_t len, int flags)
	recv: { args: ["i32", "ptr", "usize", "i32"], returns: "i64" },
	// int recvmmsg(int sockfd, struct mmsghdr *msgvec, unsigned int vlen, int flags, struct timespec *timeout)
	recvmmsg: { args: ["i32", "ptr", "u32", "i32", "ptr"], returns: "i32" },
	// long sysconf(int name)
	sysconf: { args: ["i32"], returns: "i64" },
	...CLOCK,
	// long syscall(long number, ...)
	syscall: { args: ["i64", "i64", "i64", "i64"], returns: "i64" },
	// int capset(cap_user_header_t hdrp, const cap_user_data_t datap)
	capset: { args: ["ptr", "ptr"], returns: "i32" },
	// int setpriority(int which, id_t who, int prio)
	setpriority: { args: ["i32", "u32", "i32"], returns: "i32" },
	// int prctl(int option, unsigned long arg2, unsigned long arg3, unsigned long arg4, unsigned long arg5)
	prctl: { args: ["i32", "u64", "u64", "u64", "u64"], returns: "i32" },
	// int poll(struct pollfd *fds, nfds_t nfds, int timeout)
	poll: { args: ["ptr", "u64", "i32"], returns: "i32" },
} as const satisfies Table;
