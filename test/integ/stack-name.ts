/** The name of the stack that npm run integ makes. Apart from the stack, so that whoever uses it need not load the CDK. */
export const STACK_NAME = 'CutoutInteg';
/** The key in the context with the results prefix of the removal `Main`: what a second deployment changes. */
export const RESULTS_PREFIX = 'cutout:results-prefix';
/** Time limit of the executions of the removal `Shared`, in seconds, in place of four days: so one can be seen to time out. */
export const SHORT_TIMEOUT_SECONDS = 60;
/** Most images in a day of the stack's own removal, `Guarded`: as many as one case submits there, so that few make it hold. */
export const IMAGES_PER_DAY = 3;
