/** In a virtual machine of test/vm, where it is known what a kernel has, and all is slow. */
export const IN_GUEST = process.env["TEST_IN_GUEST"] === "1";
