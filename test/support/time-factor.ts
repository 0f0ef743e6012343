/** How much longer than on a machine of its own all may take: more where the machine is emulated. */
export const TIME_FACTOR = Number(process.env["TEST_TIME_FACTOR"] ?? 1);
