import type { Operation } from '../aws-api.ts';
import { ACCOUNT } from '../template.ts';

/** STS's API, as far as it tells who one is: here, always the person at this machine. */
export const identityOperations: Record<string, Operation> = {
  'STS.GetCallerIdentity': () => ({
    UserId: 'local',
    Account: ACCOUNT,
    Arn: `arn:aws:iam::${ACCOUNT}:user/local`,
  }),
};
