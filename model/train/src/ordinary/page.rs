//! Pages with scripts in them, as editors, previews and recorders of sessions send them.

use super::drawing::drawing;
use super::template::{fill, several};
use crate::random::Random;

const HEADS: [&str; 9] = [
    "<meta charset=\"utf-8\"><title>%s</title>",
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">",
    "<meta http-equiv=\"Content-Type\" content=\"text/html; charset=utf-8\" />",
    "<meta property=\"og:%w\" content=\"%s\"/>",
    "<link rel=\"stylesheet\" type=\"text/css\" href=\"/%w/%w.css?v=%n\">",
    "<link rel=\"shortcut icon\" href=\"https://www.example.com/%w.ico\">",
    "<script type=\"text/javascript\" src=\"https://cdn.example.net/%w/%w.min.js\"></script>",
    "<script async src=\"//www.example.org/js?id=%w-%n\"></script>",
    "<style>.%w{color:#%h;background:url('/img/%w.png') no-repeat}.%w .%w:hover{display:none}</style>",
];

const STATEMENTS: [&str; 28] = [
    "var %w = document.getElementById(\"%w\");",
    "var %w%n = $('#%w').val();",
    "if (!document.forms[0].%w.value) { alert(\"%s\"); return false; }",
    "if (%w.length > %n) {\n    alert('%s');\n    window.close();\n}",
    "window.dataLayer = window.dataLayer || []; function gtag(){dataLayer.push(arguments);} gtag('js', new Date());",
    "(function(w,d,s,l,i){w[l]=w[l]||[];var f=d.getElementsByTagName(s)[0],j=d.createElement(s);j.async=true;\
     j.src='https://www.example.com/%w.js?id='+i;f.parentNode.insertBefore(j,f);})(window,document,'script','%w','%h');",
    "$(document).ready(function () { $(\".%w\").on(\"click\", function (e) { e.preventDefault(); $(this).toggleClass(\"%w\"); }); });",
    "document.addEventListener('DOMContentLoaded', function() { %w.init({ %w: %n, %w: '%w' }); });",
    "setTimeout(function () { location.href = '/%w/%w'; }, %n);",
    "window.location = \"/%w?%w=\" + encodeURIComponent(%w);",
    "fetch('/api/%w/%n').then(function(r) { return r.json(); }).then(function(d) { render(d.%w); });",
    "document.cookie = \"%w=\" + %w + \"; path=/; max-age=%n\";",
    "var s = document.createElement('script'); s.src = '//example.org/%w.js'; document.head.appendChild(s);",
    "%w.innerHTML = '<span class=\"%w\">' + %w + '</span>';",
    "document.write('<script src=\"/%w/%w.js\"><\\/script>');",
    "try { %w(%n); } catch (e) { console.error(e.message); }",
    "for (var i = 0; i < %w.length; i++) { if (%w[i].indexOf(\"%w\") > -1) { return parseInt(%w[i]); } }",
    "function %w%n(event) { var key = event.which || event.keyCode; return key != 13 && %w(this); }",
    "new Image().src = '/%w?r=' + Math.random();",
    "$.ajax({ type: 'POST', url: '/%w/%w', data: { id: %n, %w: $('#%w').serialize() }, success: function (data) { %w(data); } });",
    "if (confirm('%s?')) { document.getElementById('%w').submit(); }",
    "console.log(\"%s\");",
    "var %w = JSON.parse('{\"%w\":%n,\"%w\":\"%s\"}');",
    "window.%w = window.%w || function () { (window.%w.q = window.%w.q || []).push(arguments) };",
    "localStorage.setItem('%w', JSON.stringify({ %w: new Date().getTime(), %w: navigator.userAgent }));",
    "var re = /^[a-z0-9._-]+@[a-z0-9.-]+$/i; if (!re.test(%w)) return;",
    "const { %w, %w } = await import(`/static/${%w}.js`);",
    "export default { data() { return { %w: null, %w: [] } }, mounted() { this.$el.focus() } };",
];

/// Code as tools that make it smaller leave it.
const MINIFIED: [&str; 18] = [
    "function(a){a.set(\"%w\"+b,a.get(\"%w\"))}",
    "function(){return %w.%w(this,arguments)}",
    "!function(e,t){\"object\"==typeof exports?module.exports=t():e.%w=t()}(this,function(){return e(%n)});",
    "(function(a,b){for(var c=0;c<b.length;c++){var d=b[c];d.%w=d.%w||!1,a[d.key]=d}})(e.prototype,[]);",
    "var e=t(%n),n=e(\"%w\"),r=/^%w$/i;",
    "(e,t)=>{const n=e.%w??t;return n?[...n,%n]:[]}",
    "if(void 0===e[t]){e[t]=[];for(d=0;d<a.%w.length;d++)e[t].push(a.%w[d](arguments,0))}",
    "return null==e?void 0:e.%w(function(e){return e.id===t.%w})};",
    "\"use strict\";var a=window,b=a.document;a.%w=a.%w||{};",
    "try{b=JSON.parse(a)}catch(c){b={%w:!0}}",
    "for(var k in o)o.hasOwnProperty(k)&&(s+=k+\"=\"+escape(o[k])+\"&\");",
    "a.addEventListener?a.addEventListener(\"%w\",b,!1):a.attachEvent(\"on%w\",b);",
    "e&&e.%w&&(t=e.%w.split(\",\")),t=t||[];",
    "this.%w=function(){var a=this;return setTimeout(function(){a.%w()},%n),a};",
    "switch(e.type){case\"%w\":return{...t,%w:e.%w};default:return t}",
    "document.querySelectorAll(\".%w\").forEach(e=>e.classList.remove(\"%w\"));",
    "new Promise((e,t)=>{const n=new XMLHttpRequest;n.onload=()=>e(n.response),n.open(\"GET\",u)})",
    "Object.defineProperty(t,\"__esModule\",{value:!0}),t.%w=void 0;",
];

const ELEMENTS: [&str; 26] = [
    "<div class=\"%w %w-%n\" id=\"%w\">%s</div>",
    "<a href=\"#\" onclick=\"return false;\" class=\"%w\">%s</a>",
    "<a href=\"javascript:void(0)\" class=\"%w\" title=\"%s\"><span class=\"%w\"></span></a>",
    "<a class=\"%w %w\" href=\"https://www.example.com/%w/%w\" onclick=\"\">\n<span class=\"icon\"></span>\n%s</a>",
    "<button type=\"button\" onclick=\"%w.open('%w', %n)\">%s</button>",
    "<img src=\"/media/%w/%h.jpg\" alt=\"%s\" width=\"%n\" onerror=\"this.src='/img/%w.png'\">",
    "<img data-src=\"//static.example.org/%w.webp\" onload=\"this.classList.add('%w')\" style=\"width: %npx !important\"/>",
    "<img src=\"data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7\" alt=\"\">",
    "<iframe src=\"https://player.example.com/embed/%h?rel=0\" width=\"%n\" height=\"%n\" frameborder=\"0\" allowfullscreen></iframe>",
    "<iframe src=\"about:blank\" style=\"display:none;visibility:hidden\" height=\"0\" width=\"0\"></iframe>",
    "<form action=\"/%w/%w\" method=\"post\" onsubmit=\"return %w(this)\"><input type=\"hidden\" name=\"%w\" value=\"%h\"></form>",
    "<input type=\"text\" name=\"%w\" value=\"\" placeholder=\"%s\" onkeyup=\"%w(event)\" onfocus=\"this.select()\">",
    "<select name=\"%w\" onchange=\"this.form.submit()\"><option value=\"%n\" selected=\"selected\">%w</option></select>",
    "<div style=\"background-image: url('/img/%w-%n.jpg'); right:0px; bottom:%npx\" onmouseover=\"%w(%n)\"></div>",
    "<li class=\"item\"><a href=\"/%w.html\"><strong>%s</strong></a> <del>%d&nbsp;&euro;</del></li>",
    "<p dir=\"rtl\" style=\"text-align: right;\"><span style=\"color: #%h\">%s</span></p>\r\n<p>&nbsp;</p>",
    "<table border=\"0\" cellpadding=\"0\"><tbody><tr><td>%s</td><td>%d</td></tr></tbody></table>",
    "<noscript><img height=\"1\" width=\"1\" style=\"display:none\" src=\"https://www.example.com/tr?id=%n&amp;ev=%w\"/></noscript>",
    "<!-- %s -->",
    "<!--[if lt IE 9]><script src=\"/js/%w.js\"></script><![endif]-->",
    "<video controls poster=\"/%w.jpg\"><source src=\"/%w.mp4\" type=\"video/mp4\"></video>",
    "<h2 class=\"%w__%w\" data-%w=\"%n\" data-id=\"%h\">%s</h2>",
    "<label for=\"%w\">%s</label><textarea id=\"%w\" rows=\"%n\"></textarea>",
    "<object data=\"/%w.pdf\" type=\"application/pdf\" width=\"100%\"></object>",
    "<span ng-if=\"%w.%w\" v-on:click=\"%w\" :class=\"{ %w: %w }\" @click=\"%w()\">{{ %w.%w }}</span>",
    "<details open><summary>%s</summary>%s</details>",
];

/// Statements of a script, without its element.
pub(super) fn script(random: &mut Random) -> String {
    let between = if random.below(2) == 0 { "\n" } else { " " };
    several(1 + random.below(8), &STATEMENTS, between, random)
}

/// Code made smaller: one piece, or several.
pub(super) fn minified(random: &mut Random) -> String {
    several(1 + random.below(6), &MINIFIED, "", random)
}

/// Elements as they stand within a page.
pub(super) fn fragment(random: &mut Random) -> String {
    let between = random.pick(&["\n", "", "\r\n    "]).unwrap_or(&"");
    several(1 + random.below(10), &ELEMENTS, between, random)
}

/// A page from its first line to its last.
pub(super) fn page(random: &mut Random) -> String {
    let mut text = String::from("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n");
    text.push_str(&several(2 + random.below(6), &HEADS, "\n", random));
    text.push_str(&format!("\n<script>\n{}\n</script>\n</head>\n", script(random)));
    text.push_str(&fill("<body class=\"%w\" onload=\"%w()\">\n", random));
    for _ in 0..1 + random.below(3) {
        text.push_str(&fragment(random));
        text.push_str(&drawing(random));
        let code = if random.below(2) == 0 { script(random) } else { minified(random) };
        text.push_str(&format!("<script type=\"text/javascript\">{code}</script>"));
    }
    text.push_str("\n</body>\n</html>\n");
    text
}
