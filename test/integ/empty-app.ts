import { App, Stack } from 'aws-cdk-lib';
import { STACK_NAME } from './stack-name.ts';

/** Names the stack, which is all that `cdk destroy` asks of an app: so it does not depend on whether the real one can be made. */
new Stack(new App(), STACK_NAME);
