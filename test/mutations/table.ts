import { COMMANDS } from './commands.ts';
import { EXECUTIONS } from './executions.ts';
import { GATEWAY } from './gateway.ts';
import { IMAGES } from './images.ts';
import { INFRA } from './infra.ts';
import { LOCAL } from './local.ts';
import type { Mutation } from './mutation.ts';
import { RESULTS } from './results.ts';
import { SPENDING } from './spending.ts';

/** All of them. `npx node test/mutations/run.ts` tries each. */
export const MUTATIONS: Mutation[] = [
  ...GATEWAY,
  ...IMAGES,
  ...RESULTS,
  ...EXECUTIONS,
  ...INFRA,
  ...LOCAL,
  ...COMMANDS,
  ...SPENDING,
];
