import { App, type AppProps, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks, ServerlessChecks } from 'cdk-nag';
import { readSettings } from './settings/context.ts';
import { SettingError } from './settings/readers.ts';
import { CutoutStack } from './stack.ts';

/** The CDK app: one stack, with the settings that the context gives, checked by cdk-nag and CloudFormation's rules on every synth. */
export function createApp(props?: AppProps, { checked = true } = {}): App {
  const app = new App(props);
  // What CloudFormation's own rules find fails the synth, as cdk-nag's findings do; by default the CDK only warns.
  app.node.setContext('@aws-cdk/core:validateAgainstDefaultRules', checked);
  new CutoutStack(app, 'Cutout', {
    settings: readSettings(app.node),
    description: 'Removes the background of images dropped in a bucket',
  });
  if (checked) Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new ServerlessChecks(app));
  return app;
}

if (import.meta.main) {
  try {
    createApp().synth();
  } catch (error) {
    // A setting that cannot be used is no crash: its message says all there is to say.
    if (!(error instanceof SettingError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
