import type { Output } from '../../functions/deliver.ts';
import type * as job from '../../functions/job.ts';
import type { ExecutionInput, ExecutionOutput } from '../../infra/contract.ts';

/** All fields in one object, however they were put together. */
type Flat<T> = T extends object ? { [K in keyof T]: Flat<T[K]> } : T;
type Same<A, B> = (<T>() => T extends Flat<A> ? 1 : 2) extends <T>() => T extends Flat<B> ? 1 : 2 ? true : false;

/**
 * Does not compile unless the types that the package ships are those of the functions, which cannot be shipped: they
 * come with the libraries that only the bundles contain.
 */
export const IS_WHAT_THE_FUNCTIONS_SAY: [Same<ExecutionInput, job.ExecutionInput>, Same<ExecutionOutput, Output>] = [
  true,
  true,
];
