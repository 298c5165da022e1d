import { App, type AppProps, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks, ServerlessChecks } from 'cdk-nag';
import { FEATURE_FLAGS } from '../../infra/app.ts';
import { IntegStack } from './stack.ts';

/** The app that npm run integ deploys. @param checked Whether cdk-nag and CloudFormation's rules look at it. */
export function createIntegApp(props?: AppProps, { checked = false } = {}): App {
  const app = new App({ ...props, context: { ...FEATURE_FLAGS, ...props?.context } });
  app.node.setContext('@aws-cdk/core:validateAgainstDefaultRules', checked);
  new IntegStack(app);
  if (checked) Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new ServerlessChecks(app));
  return app;
}

if (import.meta.main) createIntegApp({}, { checked: true }).synth();
