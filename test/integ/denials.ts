/** Something that IAM, or a resource's policy, refused. */
export interface Denial {
  /** Whom: a role or function of the stack, without what AWS appends to its name. */
  principal: string;
  /** Such as `s3:GetObject`; `?` where AWS does not say. */
  action: string;
  /** Where it is told of. */
  where: 'function log' | 'execution history' | 'CloudTrail' | 'policies of the template';
  /** AWS's words, as far as they say more. */
  said: string;
}

/** All denials that could be seen. */
export interface Denials {
  denials: Denial[];
  /** What could not be looked at, and why. */
  unseen: string[];
}

/** AWS's words for a refusal, in errors of most services. */
const TOLD =
  /User: (?:arn:[\w-]+:(?:sts|iam)::\d*:)?(?<principal>[^\s"]+) is not authorized to perform: (?<action>[\w-]+:\w+)/g;
/** Refusals that say no more than that. */
const UNTOLD = /AccessDenied|Access ?Denied|not authorized to perform|AccessDeniedException/;

/** The denials that a text tells of, such as a line of a log or the cause of a failed state. */
export function denialsIn(text: string, { by, where }: { by: string; where: Denial['where'] }): Denial[] {
  if (!UNTOLD.test(text)) return [];
  const told = [...text.matchAll(TOLD)].map(({ groups }) => ({
    principal: nameOf(groups?.principal ?? by),
    action: groups?.action ?? '?',
    where,
    said: '',
  }));
  return told.length > 0 ? told : [{ principal: nameOf(by), action: '?', where, said: excerpt(text) }];
}

/** Each once. */
export function distinct(denials: Denial[]): Denial[] {
  const keyed = new Map(denials.map((denial) => [[denial.principal, denial.action, denial.where].join(), denial]));
  return [...keyed.values()];
}

/** The role or function of `assumed-role/Stack-Role-AbC123/session` or of a log group, less the random end of its name. */
function nameOf(principal: string): string {
  const [kind = '', name = ''] = principal.split('/');
  const own = kind === 'assumed-role' || kind === 'role' || kind === 'user' ? name : principal;
  return own.replace(/-[A-Za-z0-9]{10,}$/, '');
}

/** What stands around the refusal, without what may be a secret or long. */
function excerpt(text: string): string {
  const at = text.search(UNTOLD);
  return text.slice(Math.max(0, at - 80), at + 120).replace(/\s+/g, ' ');
}
