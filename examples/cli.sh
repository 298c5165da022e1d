#!/usr/bin/env bash
# Removes the background of an image on the web by the AWS CLI: starts an execution, says which states it enters, and prints
# what it puts out.
#
#   examples/cli.sh https://example.com/cat.jpg photos/cat.jpg [stack, by default Cutout]
#
# Needs the AWS CLI, version 1 or 2, with a region (version 1 reads AWS_DEFAULT_REGION alone) and credentials, and jq. Run
# again with the same image, it only looks how that went. The output goes to standard output, all else to standard error.
# Exit status: 0 only if the cutout was delivered.
set -euo pipefail

image_url=${1:?which image? Give its URL}
result_key=${2:?under which key? Give the key of the result, less its extension}
stack=${3:-Cutout}

# Version 2 would show answers in a pager.
export AWS_PAGER=
# Versions before 1.29 and 2.13 do not read this variable, which leads to a local run.
aws() { command aws ${AWS_ENDPOINT_URL:+--endpoint-url "$AWS_ENDPOINT_URL"} "$@"; }
say() { printf '%4d s  %s\n' "$SECONDS" "$*" >&2; }

state_machine=$(aws cloudformation describe-stacks --stack-name "$stack" \
  --query "Stacks[0].Outputs[?OutputKey=='StateMachineArn'].OutputValue | [0]" --output text)

# Made from what the image is, without a presigned URL's signature: starting it again under this name costs nothing.
image=$(printf '%s\n' "${image_url%%\?*}" "$result_key" | cksum | cut -d ' ' -f 1)
name=$(printf '%s' "$result_key" | LC_ALL=C tr -c 'A-Za-z0-9' '-' | cut -c 1-60)-$image
execution=${state_machine/:stateMachine:/:execution:}:$name

input=$(jq -nc --arg imageUrl "$image_url" --arg resultKey "$result_key" '{$imageUrl, $resultKey}')
if answer=$(aws stepfunctions start-execution --state-machine-arn "$state_machine" --name "$name" --input "$input" 2>&1); then
  say "started $name"
else
  [[ $answer == *ExecutionAlreadyExists* ]] || { echo "$answer" >&2; exit 1; }
  say "$name was started before"
fi

# Says what has happened since the last event that was seen: states that were entered, attempts that failed. It asks for
# the newest 100 events alone: where the AWS CLI reads several pages, --query also meets what comes after their last event.
seen=0
look() {
  local events id state error
  events=$(aws stepfunctions get-execution-history --execution-arn "$execution" --reverse-order --no-paginate \
    --query "reverse(events)[?id > \`$seen\`].[id, stateEnteredEventDetails.name, taskFailedEventDetails.error]" --output text)
  while IFS=$'\t' read -r id state error; do
    [[ -n $id ]] && seen=$id
    [[ -z $state || $state == None ]] || say "→ $state"
    [[ -z $error || $error == None ]] || say "✗ $error"
  done <<<"$events"
}

while :; do
  status=$(aws stepfunctions describe-execution --execution-arn "$execution" --query status --output text)
  look
  [[ $status == RUNNING ]] || break
  sleep 3
done
say "$status"

if [[ $status != SUCCEEDED ]]; then
  error=$(aws stepfunctions describe-execution --execution-arn "$execution" --query error --output text)
  cause=$(aws stepfunctions describe-execution --execution-arn "$execution" --query cause --output text)
  # What a function threw comes as JSON, with a stack.
  [[ $error == None ]] || echo "$error: $(jq -Rr '. as $text | (try (fromjson | .errorMessage) catch null) // $text' <<<"$cause")" >&2
  exit 1
fi
aws stepfunctions describe-execution --execution-arn "$execution" --query output --output text
