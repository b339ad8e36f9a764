const log = [
  'timestamp,model,input_tokens,output_tokens',
  '2025-03-03T09:00:00Z,gpt-4.1,1200,300',
  '2025-03-03T09:00:30Z,gpt-4.1-mini,800,120',
].join('\n')

/** A line for a POSIX shell that gets a demo token and streams the events of a run. */
export const createCurl = (url: string): string => {
  const json = "-H 'content-type: application/json'"
  const user = JSON.stringify({ userId: 'alice' })
  const token = `$(curl -s ${url}/demo/tokens ${json} -d '${user}' | cut -d '"' -f 4)`
  const body = JSON.stringify({ input: { log } })
  return `curl -sN ${url}/v1/agents/supervisor/runs -H "authorization: Bearer ${token}" ${json} -H 'accept: text/event-stream' -d '${body}'`
}

/** What is printed once the server listens. With the inspector, also the token that it asks for. */
export const createGreeting = (url: string, inspectorToken?: string): string =>
  [
    `Workload analyst listens on ${url}`,
    '',
    `Open ${url}/ to watch the agents of two users work side by side,`,
    `and ${url}/chat to ask about your own log.`,
    'Or run them from a shell:',
    '',
    createCurl(url),
    '',
    ...(inspectorToken === undefined
      ? []
      : [`${url}/inspect shows what is open and who waits, for this token: ${inspectorToken}`, '']),
    'Ctrl-C stops it.',
    '',
  ].join('\n')
