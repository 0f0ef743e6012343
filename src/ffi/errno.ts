/** errno numbers by name. */

import { constants } from "node:os";

const NAMES = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]));

export const EPERM = constants.errno.EPERM;
export const ENOENT = constants.errno.ENOENT;
export const ESRCH = constants.errno.ESRCH;
export const EINTR = constants.errno.EINTR;
export const EAGAIN = constants.errno.EAGAIN;
export const EACCES = constants.errno.EACCES;
export const ENODEV = constants.errno.ENODEV;
export const ENETDOWN = constants.errno.ENETDOWN;
export const EINVAL = constants.errno.EINVAL;
export const ENOBUFS = constants.errno.ENOBUFS;
export const EMFILE = constants.errno.EMFILE;
export const ENFILE = constants.errno.ENFILE;
export const ENOMEM = constants.errno.ENOMEM;
export const EPROTONOSUPPORT = constants.errno.EPROTONOSUPPORT;
export const EOPNOTSUPP = constants.errno.EOPNOTSUPP;

/** "ECONNREFUSED", or "errno 524" for the kernel's private ones. */
export const errnoName = (errno: number): string => NAMES.get(errno) ?? `errno ${errno}`;
