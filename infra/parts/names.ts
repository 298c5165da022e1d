import { Names } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/** A name that no other construct, stack or instance has. */
export function uniqueName(construct: IConstruct, maxLength: number): string {
  return Names.uniqueResourceName(construct, { maxLength, separator: '-' });
}
