/** How much work a benchmark does: `small` shows that it works, and its numbers say nothing. */
export type Size = 'small' | 'full';
