import { App, Stack } from 'aws-cdk-lib';
import { BackgroundRemoval } from '../../infra/background-removal.ts';
import type { BackgroundRemovalProps } from '../../infra/props.ts';

export type Make = (stack: Stack) => BackgroundRemovalProps;

/** Makes the construct in a stack of somebody's own. */
export function make(props: BackgroundRemovalProps | Make): Stack {
  const stack = new Stack(new App(), 'Shop');
  new BackgroundRemoval(stack, 'BackgroundRemoval', typeof props === 'function' ? props(stack) : props);
  return stack;
}
