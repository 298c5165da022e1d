import { App, Stack } from 'aws-cdk-lib';
import { describe, expect, it } from 'vitest';
import { BackgroundRemoval } from '../../infra/background-removal.ts';
import type { BackgroundRemovalProps } from '../../infra/props.ts';
import { SettingError } from '../../infra/settings/readers.ts';

/** Makes the construct in a stack of somebody's own. */
function make(props: BackgroundRemovalProps, region?: string): Stack {
  const stack = new Stack(new App(), 'Shop', { env: region === undefined ? {} : { region } });
  new BackgroundRemoval(stack, 'Removal', props);
  return stack;
}

/** The message that refuses these props. */
function refusal(props: BackgroundRemovalProps, region?: string): string {
  try {
    make(props, region);
  } catch (error) {
    expect(error).toBeInstanceOf(SettingError);
    return (error as Error).message;
  }
  throw new Error('Accepted');
}

describe('webhook', () => {
  it.each(['us-gov-west-1', 'cn-north-1', 'eu-central-2'])('is refused in %s, without function URLs', (region) => {
    expect(refusal({ webhook: {} }, region)).toContain(`webhook of Shop/Removal cannot be used in ${region}`);
  });

  it('is accepted elsewhere, and where the region is not known', () => {
    expect(() => make({ webhook: {} }, 'eu-west-1')).not.toThrow();
    expect(() => make({ webhook: {} })).not.toThrow();
  });
});
