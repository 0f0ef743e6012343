/** Whether somebody still reads what is written: for those who may not call C. */

export { readerIsGone, writeWouldBlock } from "../ffi/libc.ts";
