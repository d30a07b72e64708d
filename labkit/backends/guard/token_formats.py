"""Keys and tokens that can be recognized by their form: a prefix, an alphabet, a length.

The forms are those that the issuers document or that public scanners know (gitleaks, secretlint,
detect-secrets). Every pattern takes a number of steps at each position that has a limit.
"""

# Kind: name, then pattern. A pattern may start inside a word: `find_secrets` refuses that.
FORMATS = {
    "api key": r"""
        Anthropic key          sk-ant-[\w-]{20,}
        OpenAI key             sk-(?:proj|svcacct|admin)-[\w-]{20,}
        older OpenAI key       sk-[\w-]{0,100}T3BlbkFJ[A-Za-z0-9]{20}
        OpenRouter key         sk-or-v1-[0-9a-f]{32,}
        key of OpenAI's form   sk-[A-Za-z0-9]{32,}
        Groq key               gsk_[A-Za-z0-9]{40,}
        xAI key                xai-[A-Za-z0-9]{60,}
        Perplexity key         pplx-[A-Za-z0-9]{40,}
        Replicate key          r8_[A-Za-z0-9]{37,40}
        Cerebras key           csk-[a-z0-9]{40,}
        Together key           tgp_v1_[\w-]{40,}
        NVIDIA key             nvapi-[\w-]{60,}
        LangSmith key          lsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}
        Tavily key             tvly-[A-Za-z0-9-]{28,}
        Pinecone key           pcsk_[A-Za-z0-9]{5,8}_[A-Za-z0-9]{50,}
        Stripe key             [rs]k_(?:live|test)_[A-Za-z0-9]{20,}
        Stripe webhook secret  whsec_[A-Za-z0-9+/=]{24,}
        Brevo key              xkeysib-[0-9a-f]{64}-[A-Za-z0-9]{16}
        Mailgun key            key-[0-9a-f]{32}
        Postman key            PMAK-[0-9a-f]{24}-[0-9a-f]{34}
        New Relic key          NR(?:AK|II|RA)-[\w-]{27,}
        Linear key             lin_(?:api|oauth)_[A-Za-z0-9]{40,}
        Resend key             re_[A-Za-z0-9]{8}_[A-Za-z0-9]{20,}
        Airtable key           pat[A-Za-z0-9]{14}\.[0-9a-f]{64}
        Mapbox secret key      sk\.eyJ[\w-]{20,}\.[\w-]{20,}
        Dynatrace key          dt0[a-z]\d\d\.[A-Z0-9]{24}\.[A-Z0-9]{64}
        EasyPost key           EZ[AT]K[A-Za-z0-9]{54}
        Shippo key             shippo_(?:live|test)_[0-9a-f]{40}
        1Password secret key   A3-[A-Z0-9]{6}-(?:[A-Z0-9]{5,11}-){3,4}[A-Z0-9]{5}
        Adobe secret           p8e-[A-Za-z0-9]{32}
        Flutterwave secret     FLWSECK(?:_TEST)?-[A-Za-z0-9]{12,}
        ReadMe key             rdme_[a-z0-9]{70}
        Infracost key          ico-[A-Za-z0-9]{32}
    """,
    "cloud key": r"""
        Google key             AIza[\w-]{35}(?![\w-])
        newer Google key       AQ\.[\w-]{40,}
        Google client secret   GOCSPX-[\w-]{28}
        DigitalOcean token     do[opr]_v1_[0-9a-f]{64}
        Databricks token       dapi[0-9a-f]{32}(?:-\d)?
        Alibaba key            LTAI[A-Za-z0-9]{16,24}(?!\w)
        Azure client secret    [\w~.]{3}[78]Q~[\w~.-]{31,34}
        Azure shared key       (?:SharedAccessKey|AccountKey)=[A-Za-z0-9+/]{42,}={0,2}
        Yandex key             AQVN[\w-]{35,38}
        Cloudflare origin key  v1\.0-[0-9a-f]{24}-[0-9a-f]{146}
        Heroku key             HRKU-[\w-]{36,}
        Fly token              (?:fo1_[\w-]{43}|fm[12][ar]?_[A-Za-z0-9+/=]{100,})
        Netlify token          nfp_[A-Za-z0-9]{36,}
        Render key             rnd_[A-Za-z0-9]{28,}
        Supabase key           (?:sb_secret_[\w-]{20,}|sbp_[0-9a-f]{40})
        Vercel token           vc[aciprk]_[A-Za-z0-9]{40,}
    """,
    "access token": r"""
        GitHub token           github_pat_[A-Za-z0-9]{22}_\w{40,}
        routable GitLab token  gl[a-z]{2,6}-[\w-]{27,300}\.[0-9a-z]{2}\.[0-9a-z]{7,9}
        Hugging Face token     hf_[A-Za-z0-9]{30,}
        npm token              npm_[A-Za-z0-9]{36}
        Slack token            xox[a-z](?:\.xox[a-z])?-(?=[\w%+/=-]{0,60}\d)[\w%+/=-]{20,}
        Slack app token        xapp-\d-[A-Z0-9]+-\d+-[0-9a-f]{20,}
        Discord bot token      [MNO][\w-]{22,27}\.[\w-]{6}\.[\w-]{27,38}
        Discord webhook        https://discord(?:app)?\.com/api/webhooks/\d{15,}/[\w-]{60,}
        Shopify token          shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}
        Vault token            hv[bsr]\.[\w-]{24,}
        Google access token    ya29\.[\w.-]{30,}
        Google refresh token   1//0[\w-]{30,}
        Atlassian token        AT(?:ATT|CTT)3[\w=-]{60,}
        Bitbucket password     ATBB[A-Za-z0-9]{32}
        Notion token           (?:ntn_[A-Za-z0-9]{40,}|secret_[A-Za-z0-9]{43}(?!\w))
        Terraform token        [A-Za-z0-9]{14}\.atlasv1\.[\w-]{60,}
        1Password token        ops_eyJ[\w+/=-]{100,}
        Grafana token          (?:glsa_[A-Za-z0-9]{32}_[0-9a-f]{8}|glc_[A-Za-z0-9+/=]{32,})
        Docker token           dckr_[po]at_[\w-]{20,}
        Sentry token           sntry[su]_[\w+/=-]{40,}
        Pulumi token           pul-[0-9a-f]{40}
        RubyGems token         rubygems_[0-9a-f]{48}
        crates.io token        cio[A-Za-z0-9]{32}(?!\w)
        Figma token            figd_[\w-]{35,}
        PlanetScale token      pscale_(?:tkn|pw|oauth)_[\w.=-]{32,}
        Tailscale key          tskey-[a-z]{3,12}-[\w-]{10,}
        Doppler token          dp\.[a-z]{2,5}\.(?:[\w-]{2,35}\.)?[A-Za-z0-9]{40,44}
        HubSpot token          pat-[a-z]{2}\d-[0-9a-f-]{30,36}
        OpenShift token        sha256~[\w-]{43}
        Artifactory token      (?:AKCp[A-Za-z0-9]{69}|cmVmd[A-Za-z0-9]{59})
        CircleCI token         CCI(?:PAT|PRJ)_[A-Za-z0-9]{20,24}_[0-9a-f]{40}
        Buildkite token        bk[a-z]{2}_[0-9a-f]{40}
        Sourcegraph token      sgp_(?:[0-9a-z]{5,16}_)?[0-9a-f]{40}
        Snyk token             snyk_[us]at\.[\w.-]{20,}
        Facebook token         EAA[A-Za-z0-9]{100,}
        Dropbox token          sl\.(?:u\.)?[\w=-]{100,}
        Square token           (?:sq0atp-[\w-]{22}|EAAA[\w-]{60})
    """,
    "private key": r"""
        age key                AGE-SECRET-KEY-1[A-Z0-9]{58}
    """,
}


def formats() -> list[tuple[str, str, str]]:
    """Kind, name and pattern of each form."""
    lines = [(kind, line) for kind, table in FORMATS.items() for line in table.strip().split("\n")]
    parts = [(kind, line.strip().partition("  ")) for kind, line in lines]
    return [(kind, name, pattern.strip()) for kind, (name, _, pattern) in parts]
