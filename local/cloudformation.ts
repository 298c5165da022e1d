import type { Template } from './template.ts';

/** CloudFormation's answer to DescribeStacks, which is XML: the one deployed stack and its outputs. */
export function describeStacks(template: Template): string {
  const outputs = template.outputNames.map((name) => {
    const value = template.output(name).replace(/&/g, '&amp;').replace(/</g, '&lt;');
    return `<member><OutputKey>${name}</OutputKey><OutputValue>${value}</OutputValue></member>`;
  });
  const stack = `<StackName>${template.stackName}</StackName><StackStatus>CREATE_COMPLETE</StackStatus>`;
  const result = `<Stacks><member>${stack}<Outputs>${outputs.join('')}</Outputs></member></Stacks>`;
  return (
    '<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/">' +
    `<DescribeStacksResult>${result}</DescribeStacksResult></DescribeStacksResponse>`
  );
}
